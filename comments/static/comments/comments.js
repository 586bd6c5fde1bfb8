// @ts-check
/*
 * What the section does beyond links and forms. Without it the page is complete; all its words come from the server.
 */

import { asked, watch } from "./ring.js";

const SLOWEST = 15_000; // between two looks at a comment being checked
const POLL = 20_000; // between two looks at the discussion when there are no live events
const DAY = 86_400_000; // consent to send a text later holds for this long
const TABBED = "a[href], button, summary, input";
const HIDDEN = 30_000; // a page in the background gives its connection back then

/** @type {HTMLElement | null} */
const section = document.querySelector("section#comments[data-key]");

/**
 * @param {string} selector
 * @param {ParentNode} [within]
 * @returns {HTMLElement | null}
 */
export const one = (selector, within = document) => within.querySelector(selector);

/**
 * @param {string} selector
 * @param {ParentNode} [within]
 * @returns {HTMLElement[]}
 */
export const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));

/** @param {number} milliseconds */
const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** @param {string} html @returns {Document} */
const parsed = (html) => new DOMParser().parseFromString(html, "text/html");

/**
 * A fragment comes back where a form would have got a page.
 * @param {string} url
 * @param {RequestInit} [more]
 */
const ask = (url, more = {}) =>
  asked(url, { credentials: "same-origin", ...more, headers: { "X-Requested-With": "comments", ...more.headers } });

/**
 * @param {string} html
 * @param {string} selector
 */
const taken = (html, selector) => {
  const found = one(selector, parsed(html));
  return found && /** @type {HTMLElement} */ (document.adoptNode(found));
};

/** @param {string} number */
const comment = (number) => document.getElementById(`comment-${number}`);

/** @param {Element | null | undefined} element Take the keyboard there. */
const go = (element) => {
  if (!(element instanceof HTMLElement)) return;
  if (element.tabIndex < 0) element.tabIndex = -1;
  element.focus({ preventScroll: true });
};

/** @param {string | undefined} words Said to who does not see what changed. */
const announce = (words) => {
  const told = one("[data-told]");
  if (told && words) told.textContent = words;
};

/** Whoever is in there with the keyboard stays where they are. @param {Element} old @param {HTMLElement} next */
function put(old, next) {
  const active = /** @type {HTMLElement} */ (document.activeElement);
  const was = old.contains(active) ? (active.closest(".comment") ?? old) : null;
  const place = was ? all(TABBED, was).indexOf(active) : 0;
  old.replaceWith(next);
  enhance(next);
  if (!was) return;
  const now = (was.id && document.getElementById(was.id)) || next;
  go(all(TABBED, now)[place] ?? now);
}

/** @param {Element} element */
const conversation = (element) => element.closest(".comment-stream [data-stream] > .comment-list > .comment-item");

// --- What needs script is shown, what is for pages without it is hidden ------------------------------------------------

/** @param {ParentNode} within */
function enhance(within) {
  for (const element of all("[data-needs-script]", within)) element.hidden = false;
  for (const element of all("[data-without-script]", within)) element.hidden = true;
  all("time[datetime]", within).forEach(shorten);
  markReacted(within);
  within.dispatchEvent(new Event("comments:shown", { bubbles: true }));
}

/** @type {Record<string, string | false>} */
const days = {};

/** "" for today, "Monday, " this week, else false. @param {string} day @param {string} zone */
function called(day, zone) {
  const [hours, minutes] = zone === "Z" ? [0, 0] : zone.split(":").map(Number);
  const there = Date.now() + (hours * 60 + Math.sign(hours || 1) * minutes) * 60_000;
  const ago = (Date.parse(new Date(there).toISOString().slice(0, 10)) - Date.parse(day)) / DAY;
  if (ago < 0 || ago > 6) return false;
  return ago ? `${new Date(day).toLocaleDateString(document.documentElement.lang || undefined, { weekday: "long", timeZone: "UTC" })}, ` : "";
}

/** In the newspaper's time zone. @param {HTMLElement} element */
function shorten(element) {
  const [, day, clock, zone] = /^([\d-]+)T(\d\d:\d\d)(?::\d\d)?(Z|[+-]\d\d:\d\d)$/.exec(element.getAttribute("datetime") ?? "") ?? [];
  if (!day || element.title) return;
  element.title = element.textContent ?? "";
  const name = (days[day + zone] ??= called(day, zone));
  if (name !== false) element.textContent = name + clock;
}

/** @param {ParentNode} within */
function markReacted(within) {
  if (!section?.hasAttribute("data-signed-in")) return;
  const mine = new Set((one("[data-mine]")?.dataset.reacted ?? "").split(","));
  for (const button of all('form[action$="/react/"] button', within)) {
    const number = button.closest(".comment")?.id.replace("comment-", "") ?? "";
    button.setAttribute("aria-pressed", String(mine.has(`${number}:${/** @type {HTMLButtonElement} */ (button).value}`)));
  }
}

// --- The box -------------------------------------------------------------------------------------------------------------

/**
 * A text that is being written, what was sent of it last under which key (the same key is the same comment), and since
 * when it may be sent by itself.
 * @typedef {{text: string, sent?: string, key?: string, later?: number}} Draft
 */

/** @param {HTMLFormElement} form */
function composer(form) {
  /** @param {string} name */
  const field = (name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name));
  const box = /** @type {HTMLTextAreaElement} */ (form.elements.namedItem("text"));
  const [parent, attempt, nudged] = [field("parent"), field("key"), field("nudged")];
  const key = field("discussion").value;
  const counter = one("[data-counter]", form);
  const notices = one("[data-notices]", form);
  const previews = one("[data-previews]", form);
  const answering = one("[data-answering]", form);
  const home = form.parentElement;
  const posts = !!one("[data-post]", form) && form.action.endsWith("/post/");
  const drafts = `comments:draft:${key}:`;
  /** @type {Promise<{pay: () => Promise<string>, again: () => void}> | null} */
  let guest = null;
  /** @type {Draft} */
  let draft = { text: "" };
  let slot = "";
  /** @type {string | null} */
  let seen = null;
  let typed = 0;
  let busy = false;

  const count = () => {
    if (!counter) return;
    const left = Number(box.dataset.maximum) - Array.from(box.value).length;
    const words = (left < 0 ? counter.dataset.over : counter.dataset.left) ?? "";
    const number = Math.abs(left).toLocaleString(`${document.documentElement.lang || "en"}-u-nu-latn`);
    const kept = posts && box.value && parse(read(slot)).text === box.value;
    counter.textContent = `${kept ? counter.dataset.kept + " " : ""}${words.replace("{count}", number)}`;
  };
  /** Each comment that is answered has a draft of its own; one that another window writes is left to it. */
  const keep = () => {
    if (!posts) return;
    const there = read(slot);
    if (there && there !== seen && parse(there).text !== box.value) slot = `${drafts}${parent.value}~${fresh()}`;
    draft.text = box.value;
    seen = box.value ? JSON.stringify(draft) : null;
    write(slot, seen);
    count();
  };
  const load = () => {
    slot = drafts + parent.value;
    if (!read(slot)) slot = names(`${slot}~`)[0] ?? slot;
    seen = read(slot);
    draft = parse(seen);
  };
  if (posts) {
    load();
    if (!box.value) box.value = draft.text;
  }
  count();
  box.addEventListener("input", () => {
    count();
    clearTimeout(typed);
    typed = window.setTimeout(keep, 300);
    void payer();
  });
  addEventListener("pagehide", () => posts && box.value && keep());
  addEventListener("storage", (event) => {
    // What another window does with this very draft, unless it goes on differently here.
    if (!posts || event.key !== slot || box.value !== draft.text) return;
    seen = event.newValue;
    draft = parse(seen);
    box.value = draft.text;
    count();
  });

  const payer = () => (guest ??= form.dataset.guest ? import(form.dataset.guest).then((its) => its.payer(form)) : null);

  for (const button of all("[data-wrap], [data-prefix], [data-link]", form)) {
    button.addEventListener("click", () => format(box, button));
  }

  /** @param {string} [number] @param {string} [name] */
  const answer = (number = "", name = "") => {
    if (posts && number !== parent.value) {
      clearTimeout(typed);
      if (box.value) keep();
      parent.value = number;
      load();
      box.value = draft.text;
      nudged.value = "";
      previews?.replaceChildren();
      notices?.replaceChildren();
      count();
    }
    const under = number && comment(number);
    if (under) one(".comment-actions", under)?.after(form);
    else if (home && form.parentElement !== home) home.append(form);
    if (!answering) return;
    answering.hidden = !number;
    const link = one("a", answering);
    if (link) link.setAttribute("href", `#comment-${number}`);
    const shown = one("[data-answering-name]", answering);
    if (shown) shown.textContent = name;
  };
  one("[data-cancel-reply]", form)?.addEventListener("click", (event) => {
    if (!section) return;
    event.preventDefault();
    answer();
    box.focus();
  });

  /** @param {HTMLElement | null} notice */
  const say = (notice) => {
    notices?.replaceChildren(...(notice ? [notice] : []));
    (notice && (one("[data-change]", notice) ?? notice))?.focus();
    const later = /** @type {HTMLInputElement | null} */ (notice && one("[data-later]", notice));
    if (later) later.checked = !!draft.later;
  };
  notices?.addEventListener("click", (event) => {
    if (!(/** @type {Element} */ (event.target).closest("[data-change]"))) return;
    event.preventDefault();
    say(null);
    box.focus();
  });
  notices?.addEventListener("change", (event) => {
    const later = /** @type {HTMLInputElement} */ (event.target);
    if (!later.matches("[data-later]")) return;
    draft.later = later.checked ? Date.now() : 0;
    keep();
  });
  /** @param {string} name */
  const template = (name) =>
    /** @type {HTMLElement | null} */ (
      /** @type {HTMLTemplateElement | null} */ (one(`template[data-${name}]`))?.content.firstElementChild?.cloneNode(true) ?? null
    );

  /** @param {FormData} facts */
  const send = async (facts) => {
    const paying = await payer();
    if (paying && !facts.has("preview")) {
      facts.set("sum", await paying.pay());
    }
    let response = await ask(form.action, { method: "POST", body: facts });
    const token = response.headers.get("X-CSRFToken");
    if (token) {
      facts.set("csrfmiddlewaretoken", token);
      response = await ask(form.action, { method: "POST", body: facts });
    }
    return response;
  };

  /** @param {SubmitEvent} event */
  const submit = async (event) => {
    const button = /** @type {HTMLButtonElement | null} */ (event.submitter);
    if (!posts || button?.hasAttribute("formaction")) return;
    event.preventDefault();
    if (busy) return;
    busy = true;
    if (draft.sent !== box.value || !draft.key) {
      draft.sent = box.value;
      draft.key = fresh();
    }
    attempt.value = draft.key;
    keep();
    const facts = new FormData(form);
    if (button?.name) facts.append(button.name, button.value);
    const main = one("[data-post]", form);
    main?.setAttribute("aria-disabled", "true");
    try {
      const response = await send(facts);
      const html = await response.text();
      if (!response.ok) {
        const notice = taken(html, "[data-notice]");
        if (notice?.dataset.code?.startsWith("proof_")) {
          // A browser that does no sums goes on without a script, where a wait is taken instead.
          if (!facts.get("sum")) return form.submit();
          (await guest)?.again();
        }
        say(notice ?? template("failed"));
      } else if (button?.name === "preview") {
        say(null);
        const preview = taken(html, "[data-preview]");
        if (preview) previews?.replaceChildren(preview);
      } else {
        const nudge = taken(html, "[data-nudge]");
        if (!nudge) return posted(html, response.headers.get("Content-Location") ?? "");
        nudged.value = "1";
        say(nudge);
      }
    } catch {
      say(template(navigator.onLine ? "failed" : "offline"));
    } finally {
      busy = false;
      main?.removeAttribute("aria-disabled");
    }
  };
  form.addEventListener("submit", submit);

  /** @param {string} html @param {string} place */
  const posted = (html, place) => {
    clearTimeout(typed);
    void guest?.then((its) => its.again());
    write(slot, null);
    box.value = "";
    draft = { text: "" };
    seen = null;
    nudged.value = "";
    previews?.replaceChildren();
    say(null);
    answer();
    count();
    if (!one("[data-mine]")) location.assign(place);
    else own?.show(html, true);
  };

  /** With a network again, from one window. */
  const later = () =>
    navigator.locks?.request(drafts, async () => {
      for (const name of names(drafts)) {
        const kept = parse(read(name));
        if (!kept.later || busy) continue;
        kept.later = Date.now() - kept.later < DAY ? kept.later : 0;
        const facts = new FormData(form);
        const number = name.slice(drafts.length).split("~")[0];
        const all = { text: kept.text, parent: number, key: kept.key ?? "", nudged: "1" };
        for (const [one, value] of Object.entries(all)) facts.set(one, value);
        try {
          if (!kept.later) throw new Error("too long ago");
          const response = await send(facts);
          const html = await response.text();
          if (response.ok) {
            if (name === slot) posted(html, response.headers.get("Content-Location") ?? "");
            else {
              write(name, null);
              own?.show(html, true);
            }
            continue;
          }
          kept.later = 0;
          if (name === slot) say(taken(html, "[data-notice]") ?? template("failed"));
        } catch {
          // no network after all: it stays where it is
        }
        if (!kept.later) {
          if (name === slot) draft.later = 0;
          write(name, JSON.stringify(kept));
        }
      }
    });
  addEventListener("online", () => posts && void later());

  return { answer, form, parent, home, busy: () => busy, later: () => posts && navigator.onLine && void later() };
}

/** @param {string | null} kept @returns {Draft} */
function parse(kept) {
  try {
    const said = JSON.parse(kept ?? "");
    return typeof said.text === "string" ? said : { text: "" };
  } catch {
    return { text: "" };
  }
}

/** @returns {string} */
function fresh() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @type {Map<string, string>} For a browser that keeps nothing, or is full. */
const memory = new Map();

/** @param {string} name @returns {string | null} */
export function read(name) {
  try {
    return localStorage.getItem(name) ?? memory.get(name) ?? null;
  } catch {
    return memory.get(name) ?? null;
  }
}

/** @param {string} name @param {string | null} value */
export function write(name, value) {
  memory.delete(name);
  try {
    if (value) localStorage.setItem(name, value);
    else localStorage.removeItem(name);
  } catch {
    if (value) memory.set(name, value);
  }
}

/** @param {string} start @returns {string[]} */
function names(start) {
  try {
    return [...Object.keys(localStorage), ...memory.keys()].filter((name) => name.startsWith(start));
  } catch {
    return [...memory.keys()].filter((name) => name.startsWith(start));
  }
}

/**
 * Put Markdown round what is chosen, so that the browser's undo takes it back.
 * @param {HTMLTextAreaElement} box
 * @param {HTMLElement} button
 */
function format(box, button) {
  const { selectionStart: start, selectionEnd: end } = box;
  const chosen = box.value.slice(start, end);
  const wrap = button.dataset.wrap;
  const prefix = button.dataset.prefix;
  let words;
  let caret = start;
  if (wrap) {
    words = wrap + chosen + wrap;
    caret += chosen ? words.length : wrap.length;
  } else if (prefix) {
    const before = start && box.value[start - 1] !== "\n" ? "\n\n" : "";
    words = before + prefix + chosen.split("\n").join(`\n${prefix}`);
    caret += words.length;
  } else {
    words = /^https?:\/\/\S+$/.test(chosen) ? `[](${chosen})` : `[${chosen}](https://)`;
    caret += words.startsWith("[](") ? 1 : words.length - 1;
  }
  box.focus();
  if (!document.execCommand?.("insertText", false, words)) {
    box.setRangeText(words, start, end, "end");
    box.dispatchEvent(new Event("input", { bubbles: true }));
  }
  box.setSelectionRange(caret, caret);
}

// --- My own comments, until they are decided -----------------------------------------------------------------------------

/** @param {HTMLElement} within @param {string} url */
function ownComments(within, url) {
  let looking = 0;
  const place = () => one("[data-mine]", within);
  const numbers = () => new Set(all('[data-mine] [id^="comment-"]', within).map((element) => element.id.replace("comment-", "")));
  const states = () => all("[data-mine] .comment-state > strong", within).map((element) => element.textContent ?? "");

  /**
   * Show what the server says of my comments now. One that has gone from the list was published: it takes its place.
   * @param {string} html
   * @param {boolean} [mayJump] the reader has just posted
   */
  const show = (html, mayJump = false) => {
    const next = taken(html, "[data-mine]");
    const now = place();
    if (!next || !now) return;
    const [before, said] = [numbers(), states()];
    put(now, next);
    const after = numbers();
    announce(states().filter((words) => !said.includes(words)).join(" "));
    const gone = [...before].filter((number) => !after.has(number));
    if (gone.length) void stream?.settle(gone);
    if (mayJump) {
      one(".comment-item", next)?.scrollIntoView({ block: "nearest" });
      go(one(".comment", next));
    }
    if (Number(next.dataset.waiting) && !looking) void follow();
  };

  const follow = async () => {
    const turn = ++looking;
    for (let pause = 400; turn === looking; pause = Math.min(pause * 2, SLOWEST)) {
      await wait(pause);
      if (turn !== looking) return;
      if (document.hidden && pause >= SLOWEST) continue;
      await look();
      if (!Number(place()?.dataset.waiting)) break;
    }
    if (turn === looking) looking = 0;
  };

  const look = async () => {
    try {
      const response = await ask(url);
      if (response.ok) show(await response.text());
    } catch {
      // offline: the next look will tell
    }
  };

  if (Number(place()?.dataset.waiting)) void follow();
  return { show, look, numbers };
}

// --- Everyone's comments, and the news of them -----------------------------------------------------------------------------

/** @param {HTMLElement} within */
function everyone(within) {
  const body = () => one("[data-stream]", within);
  const total = one("[data-total]", within);
  const live = one("[data-live]", within);
  const text = one("[data-live-text]", within);
  const link = live && one("a", live);
  /** @type {Set<string>} */
  const news = new Set();
  const due = new Set();
  let version = Number(within.dataset.version);
  let shown = Number(body()?.dataset.count);
  let quiet = 0;

  const fetched = async () => {
    // No older than what was seen here, whichever process answers.
    const seen = Math.max(version, Number(one("[data-mine]", within)?.dataset.version) || 0);
    const response = await ask(`${within.dataset.fragment}&seen=${seen}`);
    return response.ok ? taken(await response.text(), "[data-stream]") : null;
  };

  /** @param {HTMLElement} next */
  const counted = (next) => {
    version = Math.max(version, Number(next.dataset.version));
    shown = Number(next.dataset.count);
    if (total) total.textContent = next.dataset.counted ?? "";
  };

  const tell = () => {
    if (!live || !text) return;
    const some = news.size;
    live.toggleAttribute("data-new", some > 0);
    const words = some ? (some === 1 ? within.dataset.oneNew : within.dataset.manyNew) : within.dataset.looking;
    const said = (words ?? "").replace("{count}", String(some));
    if (text.textContent !== said) text.textContent = said;
    if (some) link?.setAttribute("href", "#comments");
    else link?.removeAttribute("href");
  };

  /** A reply that is being written stays under its comment. */
  const replace = async () => {
    const next = await fetched();
    const old = body();
    if (!next || !old) return;
    const writing = box && old.contains(box.form) ? box.parent.value : "";
    const name = writing ? (one("[data-answering-name]", box?.form)?.textContent ?? "") : "";
    if (writing) box?.answer();
    put(old, next);
    counted(next);
    if (writing) box?.answer(comment(writing) ? writing : "", name);
    news.clear();
    tell();
  };

  /**
   * My comments were published: show each as everyone sees it, and nothing else that is new.
   * @param {string[]} gone
   */
  const settle = async (gone) => {
    gone.forEach(due.add, due);
    const next = await fetched();
    const old = body();
    if (!next || !old) return;
    const list = one(":scope > .comment-list", old);
    if (!list) {
      old.replaceWith(next);
      enhance(next);
    } else {
      for (const number of gone) {
        const mine = one(`#comment-${CSS.escape(number)}`, next);
        const item = mine?.closest("[data-stream] > .comment-list > .comment-item");
        const top = item && one(".comment", item);
        if (!item || !top) continue;
        const there = comment(top.id.replace("comment-", ""));
        const copy = /** @type {HTMLElement} */ (item.cloneNode(true));
        const stands = there && conversation(there);
        if (stands) {
          if (box && stands.contains(box.form)) box.answer();
          put(stands, copy);
        } else {
          list.prepend(copy);
          enhance(copy);
        }
      }
    }
    for (const number of gone) {
      news.delete(number);
      const there = comment(number);
      if (!there) continue;
      announce(within.dataset.published);
      if (document.activeElement?.matches("[data-mine]")) go(there);
    }
    counted(next);
    tell();
  };

  /** Edited or removed. */
  const refresh = (/** @type {string} */ number) => {
    if (!comment(number)) return;
    clearTimeout(quiet);
    quiet = window.setTimeout(async () => {
      const next = await fetched();
      const now = comment(number);
      if (!next || !now) return;
      const then = one(`#comment-${CSS.escape(number)}`, next);
      if (then) {
        // A reply is being written here, or an editor is being told what they did.
        if ((box && now.contains(box.form)) || one("[data-said]", now)) return;
        put(now, /** @type {HTMLElement} */ (then.cloneNode(true)));
      } else {
        const said = document.createElement("p");
        said.className = "comment-tombstone comment-soft";
        said.textContent = within.dataset.gone ?? "";
        now.replaceChildren(said);
      }
      if (total) total.textContent = next.dataset.counted ?? "";
    }, 300 + Math.random() * 1500);
  };

  /** @param {{id: number, version: number}} event */
  const published = async (event) => {
    const number = String(event.id);
    if (event.version) version = Math.max(version, event.version);
    do await wait(500); // if it is my own
    while (box?.busy());
    if (own?.numbers().has(number)) return void own.look();
    if (comment(number) || due.has(number)) return;
    news.add(number);
    if (one(".comment-list", body() ?? document)) tell();
    else void replace();
  };

  /** What was missed while nobody listened. */
  const check = async () => {
    const next = await fetched();
    if (!next || Number(next.dataset.version) <= version) return;
    version = Number(next.dataset.version);
    const numbers = all(".comment", next).map((element) => element.id.replace("comment-", ""));
    const mine = own?.numbers() ?? new Set();
    const unseen = numbers.filter((number) => !comment(number) && !mine.has(number));
    if (numbers.some((number) => mine.has(number))) void own?.look();
    // On another page: how many, if not which.
    const more = Number(next.dataset.count) - shown;
    for (const number of unseen) news.add(number);
    for (let extra = unseen.length; extra < more; extra++) news.add(`further ${extra}`);
    if (!news.size) return;
    if (one(".comment-list", body() ?? document)) tell();
    else await replace();
  };

  link?.addEventListener("click", async (event) => {
    event.preventDefault();
    if (!news.size) return;
    const numbers = [...news];
    link.setAttribute("aria-busy", "true");
    try {
      await replace();
      // On another page, or deep in a conversation: go where it is.
      const first = numbers.map(comment).find(Boolean);
      go(first);
      if (first) first.scrollIntoView({ block: "nearest" });
      else {
        const its = (within.dataset.fragment ?? "").replace(/section\/.*/, `${numbers[0]}/`);
        location.assign(numbers.length === 1 && Number(numbers[0]) ? its : (link.dataset.fresh ?? ""));
      }
    } finally {
      link.removeAttribute("aria-busy");
    }
  });
  tell();
  return { published, refresh, check, settle };
}

/** @param {HTMLElement} within */
function listen(within) {
  /** @type {EventSource | null} */
  let source = null;
  let polling = 0;
  let resting = 0;
  let pause = POLL;
  let missed = false;

  /** @param {Event} event */
  const facts = (event) => JSON.parse(/** @type {MessageEvent} */ (event).data);

  const open = () => {
    if (source || document.hidden) return;
    source = new EventSource(within.dataset.events ?? "");
    source.addEventListener("open", () => {
      stop();
      if (missed) void stream?.check();
      missed = true;
    });
    source.addEventListener("comment.published", (event) => stream?.published(facts(event)));
    for (const name of ["comment.edited", "comment.removed"]) {
      source.addEventListener(name, (event) => stream?.refresh(String(facts(event).id)));
    }
    source.addEventListener("error", () => {
      if (source?.readyState === EventSource.CLOSED) {
        source = null;
        poll();
      }
    });
  };
  const close = () => {
    source?.close();
    source = null;
    stop();
  };
  const stop = () => {
    clearTimeout(polling);
    polling = 0;
    pause = POLL;
  };
  const poll = () => {
    if (polling) return;
    polling = window.setTimeout(async () => {
      polling = 0;
      if (document.hidden) return;
      try {
        await stream?.check();
        pause = POLL;
      } catch {
        pause = Math.min(pause * 2, 16 * POLL);
      }
      poll();
    }, pause * (0.8 + 0.4 * Math.random()));
  };
  document.addEventListener("visibilitychange", () => {
    clearTimeout(resting);
    if (document.hidden) resting = window.setTimeout(close, HIDDEN);
    else if (!source) {
      if (missed) void stream?.check();
      // Notices may have come; a warning that is being ticked is left alone.
      if (!one("[data-mine] :checked", within)) void own?.look();
      open();
    }
  });
  open();
}

// --- Clicks and keys, wherever the element came from -------------------------------------------------------------------------

document.addEventListener("click", async (event) => {
  const target = /** @type {Element} */ (event.target);
  if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  const reply = /** @type {HTMLElement | null} */ (target.closest("a[data-reply]"));
  if (reply && box && section?.contains(reply)) {
    event.preventDefault();
    const article = reply.closest(".comment");
    box.answer(article?.id.replace("comment-", ""), one(".comment-name", article ?? document)?.textContent ?? "");
    one("textarea", box.form)?.focus();
    return;
  }
  const more = /** @type {HTMLAnchorElement | null} */ (target.closest("a[data-more]"));
  if (more) {
    event.preventDefault();
    more.setAttribute("aria-busy", "true");
    try {
      const response = await ask(more.href);
      const replies = response.ok ? taken(await response.text(), "[data-replies]") : null;
      if (!replies) return void location.assign(more.href);
      enhance(replies);
      const first = one(".comment-time", replies);
      more.replaceWith(...replies.children);
      first?.focus({ preventScroll: true });
    } catch {
      location.assign(more.href);
    }
  }
});

document.addEventListener("submit", async (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (!section?.hasAttribute("data-signed-in") || !form.matches('.comment-actions form[action$="/react/"]:not([data-plain])')) return;
  event.preventDefault();
  const button = /** @type {HTMLButtonElement | null} */ (event.submitter ?? one("button", form));
  if (!button || one("[aria-busy]", form)) return;
  const given = button.getAttribute("aria-pressed") === "true";
  const facts = new FormData();
  facts.append(given ? "undo" : "kind", given ? "1" : button.value);
  button.setAttribute("aria-busy", "true");
  try {
    const response = await ask(form.action, { method: "POST", body: facts });
    if (!response.ok) {
      // The page that answers a form says why; our script would only know that it was refused.
      button.removeAttribute("aria-busy");
      return void (form.dataset.plain = "", form.requestSubmit(button));
    }
    const counts = await response.json();
    for (const each of /** @type {HTMLButtonElement[]} */ (all("button", form))) {
      const number = one(".comment-number", each);
      if (number) number.textContent = counts[each.value] ?? 0;
    }
    const mine = one("[data-mine]");
    const id = button.closest(".comment")?.id.replace("comment-", "") ?? "";
    if (mine) {
      const others = (mine.dataset.reacted ?? "").split(",").filter((other) => other && !other.startsWith(`${id}:`));
      mine.dataset.reacted = (given ? others : [...others, `${id}:${button.value}`]).join(",");
    }
    markReacted(form);
  } catch {
    // offline: the button stays as it was
  } finally {
    button.removeAttribute("aria-busy");
  }
});

document.addEventListener("change", (event) => {
  const order = /** @type {HTMLSelectElement} */ (event.target);
  if (order.matches("[data-order]")) order.form?.submit();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = one(".comment-menu[open]");
  menu?.removeAttribute("open");
  menu && one("summary", menu)?.focus();
});

document.addEventListener("comments:put", (event) => enhance(/** @type {HTMLElement} */ (event.target)));

const boxes = /** @type {HTMLFormElement[]} */ (all("form[data-composer]"));
const box = boxes.length ? composer(boxes[0]) : null;
const own = section && one("[data-mine]", section) ? ownComments(section, section.dataset.personal ?? "") : null;
const stream = section ? everyone(section) : null;
watch();
enhance(document);
if (section) listen(section);
box?.later();
