// @ts-check
/*
 * Reading on this device: the order chosen last, what is new since the last visit, and people one does not wish to read.
 * Where the reader has been is kept in this browser and told to nobody.
 */

import { all, read as kept, one, write as keep } from "./comments.js";

const PAUSE = 1800; // seconds without a look after which the next one is another visit
const LATE = 60; // seconds a page may be behind, kept by caches on the way

const section = /** @type {HTMLElement | null} */ (document.querySelector("section#comments[data-key]"));

/** @param {string} name @returns {any} What was kept under this name; null if nothing, or nothing that can be read. */
function read(name) {
  try {
    return JSON.parse(kept(name) ?? "null");
  } catch {
    return null;
  }
}

/** @param {string} name @param {unknown} value */
const write = (name, value) => keep(name, JSON.stringify(value));

/** @param {Element} within The comments in what was just shown. */
const shown = (within) => [...(within.matches?.(".comment") ? [/** @type {HTMLElement} */ (within)] : []), ...all(".comment[data-author]", within)];

const mine = () => one("[data-mine]")?.dataset;

// --- People I do not wish to read ----------------------------------------------------------------------------------------

/** @param {Element} within */
function fold(within) {
  const muted = new Set((mine()?.muted ?? "").split(",").filter(Boolean));
  const template = /** @type {HTMLTemplateElement | null} */ (one("template[data-fold]"));
  if (!muted.size || !template) return;
  for (const article of shown(within)) {
    if (!muted.has(article.dataset.author ?? "") || one("[data-folded], form[data-composer]", article)) continue;
    const line = /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
    one("[data-inside]", line)?.append(...article.childNodes);
    article.append(line);
  }
}

// --- New since my last visit ---------------------------------------------------------------------------------------------

/** @param {HTMLElement} within */
function unread(within) {
  const row = one("[data-unread]");
  const next = one("[data-unread-next]");
  const keys = one("[data-unread-keys]");
  const said = one("[data-unread-said]");
  const name = `comments:visit:${within.dataset.key}`;
  const now = () => Math.floor(Date.now() / 1000);
  /** @type {number | null} Seconds; what was published later is new. Null on the first visit of all. */
  let since = null;
  /** @type {HTMLElement | null} */
  let last = null;

  /** @returns {{since: number | null, seen: number, at: number} | null} */
  const before = () => {
    const found = read(name);
    return found && Number.isFinite(found.seen) && Number.isFinite(found.at) ? found : null;
  };

  /** Begin a visit, or go on with one that another tab or page has begun. */
  const begin = () => {
    const found = before();
    since = found && (now() - found.at > PAUSE ? found.seen : found.since);
    note();
  };
  const note = () => {
    const latest = Math.max(0, ...all(".comment[data-published]").map((article) => Number(article.dataset.published)));
    write(name, { since, seen: Math.max(before()?.seen ?? 0, latest, now() - LATE), at: now() });
  };

  const marked = () => all("[data-stream] .comment[data-new]");

  /** @param {Element} part */
  const mark = (part) => {
    for (const article of shown(part)) {
      if (since === null || Number(article.dataset.published) <= since || article.dataset.author === mine()?.me) continue;
      if (article.hasAttribute("data-new") || one("[data-folded]", article)) continue;
      article.setAttribute("data-new", "");
      const word = document.createElement("span");
      word.className = "comment-new";
      word.textContent = row?.dataset.word ?? "";
      one(".comment-time", article)?.after(word);
    }
    count();
  };
  const count = () => {
    const some = marked().length;
    if (!row || !next) return;
    row.hidden = !some;
    next.textContent = ((some === 1 ? row.dataset.one : row.dataset.many) ?? "").replace("{count}", String(some));
  };

  /** @param {number} step */
  const jump = (step) => {
    const list = marked();
    if (!list.length) return;
    const from = document.activeElement?.closest(".comment") ?? last;
    let place = list.indexOf(/** @type {HTMLElement} */ (from));
    if (place < 0 && from?.isConnected) {
      // Between two of them: on from here.
      place = list.filter((each) => from.compareDocumentPosition(each) & Node.DOCUMENT_POSITION_PRECEDING).length - (step > 0 ? 1 : 0);
    } else if (place < 0 && step < 0) place = 0;
    place = (place + step + list.length) % list.length;
    const article = list[place];
    for (let above = article.parentElement; above; above = above.parentElement) {
      if (above instanceof HTMLDetailsElement) above.open = true;
    }
    last = article;
    article.tabIndex = -1;
    article.focus({ preventScroll: true });
    article.scrollIntoView({ block: "start" });
    if (said) said.textContent = (row?.dataset.at ?? "").replace("{number}", String(place + 1)).replace("{count}", String(list.length));
  };

  const works = () => read("comments:keys") !== false;
  keys?.setAttribute("aria-pressed", String(works()));
  keys?.addEventListener("click", () => {
    write("comments:keys", !works());
    keys.setAttribute("aria-pressed", String(works()));
  });
  next?.addEventListener("click", (event) => {
    event.preventDefault();
    jump(1);
  });
  document.addEventListener("keydown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.key.toLowerCase() !== "z" || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !works()) return;
    if (target.isContentEditable || target.matches("input, textarea, select") || !marked().length) return;
    event.preventDefault();
    jump(event.shiftKey ? -1 : 1);
  });
  addEventListener("pagehide", note);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return note();
    begin();
    mark(within);
  });
  begin();
  return { mark, note };
}

// --- The order chosen last -----------------------------------------------------------------------------------------------

/**
 * A signed-in reader's choice is known to the server. For everyone else the public page comes as it is, the same for
 * all, and this browser asks for the public comments again in the order it remembers.
 * @param {HTMLElement} within
 */
async function remembered(within) {
  const form = /** @type {HTMLFormElement | null} */ (one("form[data-reading]"));
  if (!form || within.hasAttribute("data-signed-in")) return;
  const order = /** @type {HTMLSelectElement} */ (form.elements.namedItem("sort"));
  const hide = /** @type {HTMLInputElement} */ (form.elements.namedItem("hide"));
  form.addEventListener("change", () => write("comments:reading", [order.value, hide.checked ? "removed" : ""]));
  const chosen = read("comments:reading");
  const here = new URL(location.href);
  if (!Array.isArray(chosen) || here.hash || ["sort", "hide", "only", "cursor", "parent"].some((name) => here.searchParams.has(name))) return;
  const known = Array.from(order.options, (option) => option.value);
  if (!known.includes(chosen[0]) || (chosen[0] === order.value && !chosen[1])) return;
  const asked = new URL(within.dataset.fragment ?? "", location.href);
  for (const url of [asked, here]) {
    url.searchParams.set("sort", chosen[0]);
    if (chosen[1]) url.searchParams.set("hide", "removed");
  }
  try {
    const response = await fetch(asked, { credentials: "same-origin", headers: { "X-Requested-With": "comments" } });
    if (!response.ok) return;
    const found = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("[data-stream]");
    const old = one("[data-stream]");
    if (!found || !old || one("form[data-composer]", old)) return;
    order.value = chosen[0];
    hide.checked = !!chosen[1];
    within.dataset.fragment = asked.pathname + asked.search;
    history.replaceState(history.state, "", here);
    for (const link of /** @type {HTMLAnchorElement[]} */ (all(".comment-tabs a"))) {
      const url = new URL(link.href);
      url.searchParams.set("sort", chosen[0]);
      if (chosen[1]) url.searchParams.set("hide", "removed");
      link.href = url.href;
    }
    const next = document.adoptNode(found);
    old.replaceWith(next);
    next.dispatchEvent(new Event("comments:put", { bubbles: true }));
  } catch {
    // offline: the page stays in the order it came in
  }
}

if (section) {
  const visit = unread(section);
  fold(section);
  visit.mark(section);
  document.addEventListener("comments:shown", (event) => {
    const part = event.target instanceof Element ? event.target : section;
    if (part.matches("[data-mine]")) fold(section);
    fold(part);
    visit.mark(part);
    visit.note();
  });
  void remembered(section);
}
