// @ts-check
/**
 * Keys, claims, and decisions without a reload, for the desk. Every action is a form that works without this file.
 *
 * A press of a key clicks the button that carries it (data-key), so keys and buttons can never disagree. A decision
 * folds its card at once and opens the next, which is there already; what the newsroom's server says then takes the
 * card's place: the line it became, or the card again with what changed. One call says which cards this window has
 * open or next, and brings their open forms, the counts, and what was lost to somebody else. Strings are read from the
 * page; nothing is written here that a translator would need.
 */

const desk = /** @type {HTMLElement} */ (document.querySelector("#desk"));
const $ = (/** @type {string} */ q, /** @type {ParentNode} */ from = desk) => /** @type {any} */ (from.querySelector(q));
const $$ = (/** @type {string} */ q, /** @type {ParentNode} */ from = desk) => /** @type {any[]} */ ([...from.querySelectorAll(q)]);
const BY_SCRIPT = { "X-Requested-With": "comments" };
const AHEAD = 3;
const LOOK_SECONDS = 15;
const TOAST_SECONDS = 12;
const PATIENCE_SECONDS = 20;

const bar = /** @type {HTMLFormElement | null} */ ($("#desk-undo"));
const cards = () => $$("[data-card]:not(.is-decided)");
const open = () => $("[data-card].is-open:not(.is-decided)");

/** Return the element in `html`. @param {string} html @returns {HTMLElement} */
function built(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html.trim();
  return /** @type {HTMLElement} */ (holder.content.firstElementChild);
}

/** Ask the server, and give up after a while: what hangs counts as not sent. @param {string} url @param {RequestInit} more */
const ask = (url, more = {}) => fetch(url, { headers: BY_SCRIPT, signal: AbortSignal.timeout(PATIENCE_SECONDS * 1000), ...more });

// --- Which cards are ours -------------------------------------------------------------------------------------------

/** Cards this window has told the server about. @type {Set<string>} */
let held = new Set();
/** Those of them that the server said are ours. @type {Set<string>} */
let ours = new Set();
/** What is to be open, while it is on its way. @type {HTMLElement | null} */
let target = null;
/** Whether the editor opened what is open, and not the desk: that stays open, whoever has it. */
let chosen = new URLSearchParams(location.search).has("open");
/** While nothing is to be had: how many cards of the page have been asked for in vain. */
let beyond = 0;
/** @type {Promise<void> | null} */
let asking = null;
/** @type {Promise<void> | null} */
let nextAsking = null;

const free = (/** @type {HTMLElement} */ card) => !card.classList.contains("is-claimed");

/** Say whether this window waits for a card: none is open, or one of somebody else's that nobody asked for or writes in. */
function waits() {
  const card = open();
  if (target || !card) return !target;
  if (free(card) || chosen) return false;
  const inside = card.contains(document.activeElement) && document.activeElement !== $(".line1", card);
  return !inside && !$$("textarea", card).some((words) => words.value);
}

/** Return the open card and the few that come after it and are nobody else's. */
function wanted() {
  const all = cards();
  const now = target && document.getElementById(target.id);
  const at = all.indexOf(now ?? open());
  // Whatever comes free, also what somebody else had: a few at a time, so that no more are kept than are needed.
  if (at < 0 || waits()) {
    const others = all.filter((_card, place) => place !== at).slice(beyond, beyond + AHEAD + 1);
    return at < 0 ? others : [all[at], ...others];
  }
  // Who looks at what somebody else decides keeps nothing from anybody.
  if (!free(all[at])) return [all[at]];
  return [all[at], ...all.slice(at + 1).filter(free).slice(0, AHEAD)];
}

/**
 * Keep the open card and the next ones, fetch what is not there yet, give back the rest, and hear what is new.
 * One call at a time; whoever asks meanwhile gets the one after. @returns {Promise<void>}
 */
function keep() {
  if (!bar) return Promise.resolve();
  if (!asking) return (asking = keepNow().finally(() => { asking = null; }));
  return (nextAsking ??= asking.then(() => { nextAsking = null; return keep(); }));
}

async function keepNow() {
  if (!bar) return;
  const mine = wanted();
  const data = new FormData(bar);
  for (const name of ["comment", "version", "undo"]) data.delete(name);
  data.set("since", bar.dataset.since ?? "");
  for (const card of mine) {
    const { card: id, version, text, last } = card.dataset;
    data.append("want", `${id}:${version}`);
    data.append("text", `${id}:${text}`);
    data.append("last", `${id}:${last}`);
    if (!$(".open", card) || !free(card)) data.append("fetch", id);
  }
  const now = open();
  if (now) data.append("open", now.dataset.card);
  const ids = new Set(mine.map((card) => card.dataset.card));
  for (const id of held) if (!ids.has(id)) data.append("leave", id);
  held = ids;
  for (const id of ours) if (!ids.has(id)) ours.delete(id);
  try {
    const answer = await ask(/** @type {string} */ (bar.dataset.claims), { method: "POST", body: data });
    if (!answer.ok || answer.redirected) return;
    hear(await answer.json());
    lookFurther(mine);
  } catch { /* no connection: asked again soon */ }
}

/** Ask for the cards after those that were asked for in vain, until one is ours or all have been. @param {HTMLElement[]} asked */
function lookFurther(asked) {
  const left = cards();
  if (!waits() || left.some((card) => ours.has(card.dataset.card))) { beyond = 0; return; }
  const now = open()?.id;
  beyond += asked.filter((card) => card.id !== now && left.some((other) => other.id === card.id)).length;
  if (beyond < left.filter((card) => card.id !== now).length) setTimeout(keep);
  else beyond = 0;
}

/** @param {{mine: Record<string, string>, cards: Record<string, string>, counts: Record<string, number>, newer: string}} said */
function hear(said) {
  for (const [id, html] of Object.entries(said.cards)) {
    const card = document.getElementById(`c-${id}`);
    // What is not sent yet is sent again below: what stands there was seen and typed.
    if (!card || card.classList.contains("is-decided") || unsent.has(card.id)) continue;
    const now = built(html);
    const reading = document.activeElement !== $(".line1", card) && card.contains(document.activeElement);
    if (!free(card) && !free(now) && reading) continue;
    if (now.classList.contains("is-decided")) card.replaceWith(now); // somebody else was first
    else if (card.classList.contains("is-open")) swap(card, now);
    else if (!free(now) || !$(".open", card)) card.replaceWith(now);
    else if (now.dataset.version !== card.dataset.version) card.replaceWith(now);
    if (!free(now) || now.classList.contains("is-decided")) { held.delete(id); ours.delete(id); }
  }
  for (const [id, until] of Object.entries(said.mine)) {
    if (held.has(id)) ours.add(id);
    const place = $(`#c-${id} [data-mine]`);
    if (place) place.textContent = until;
  }
  if (waits()) {
    const first = cards().find((card) => ours.has(card.dataset.card));
    if (first) show(first);
  }
  count(said.counts);
  for (const place of $$("[data-newer]")) {
    if (place.textContent !== said.newer) place.textContent = said.newer;
    place.hidden = !said.newer;
  }
  sendAgain();
  sync();
}

/** Put an open card's new form in its place; what was typed into the old one stays. */
function swap(/** @type {HTMLElement} */ card, /** @type {HTMLElement} */ now) {
  for (const words of $$("textarea", card)) {
    const all = `textarea[name="${CSS.escape(words.name)}"]`;
    const same = words.value && words.name && $$(all, now)[$$(all, card).indexOf(words)];
    if (same && !same.value) same.value = words.value;
  }
  const inside = card.contains(document.activeElement);
  card.replaceWith(now);
  now.classList.add("is-open");
  $(".line1", now).setAttribute("aria-current", "true");
  if (inside) $(".line1", now).focus({ preventScroll: true });
}

function leave() {
  if (!bar || !held.size) return;
  const data = new FormData(bar);
  for (const name of ["comment", "version", "undo"]) data.delete(name);
  for (const id of held) data.append("leave", id);
  held = new Set();
  navigator.sendBeacon(/** @type {string} */ (bar.dataset.claims), data);
}

// --- Opening --------------------------------------------------------------------------------------------------------

/**
 * Open one card, close the others, and keep its top at the same height so that the eye need not move.
 * @param {HTMLElement | null | undefined} card @param {boolean} byHand whether the editor asked for this one
 */
async function show(card, byHand = false) {
  target = card ?? null;
  chosen = byHand;
  for (const other of $$("[data-card].is-open")) if (other !== card) close(other);
  if (!card) { keep(); return; }
  if (!$(".open", card)) {
    const fetched = await ask(/** @type {string} */ (card.dataset.fragment))
      .then(async (answer) => (answer.ok && !answer.redirected ? built(await answer.text()) : null))
      .catch(() => null);
    if (target !== card && target?.id !== card.id) return;
    const there = document.getElementById(card.id);
    if (there && $(".open", there) && there !== card) card = there; // came meanwhile, with the claim
    else if (!fetched) { location.assign($(".line1", card).href); return; }
    else { card.replaceWith(fetched); card = fetched; }
  }
  card.classList.add("is-open");
  $(".line1", card).setAttribute("aria-current", "true");
  $(".line1", card).focus({ preventScroll: true });
  card.scrollIntoView({ block: "start" });
  target = null;
  sync();
  setTimeout(keep);
}

function close(/** @type {HTMLElement} */ card) {
  card.classList.remove("is-open");
  $(".line1", card).removeAttribute("aria-current");
  for (const sheet of $$("details.pop[open]", card)) sheet.open = false;
}

function move(/** @type {number} */ step) {
  const lines = $$("[data-line]");
  if (lines.length) { along(lines, step); return; }
  const all = cards();
  const to = all.indexOf(open()) + step;
  if (to >= all.length) $("[data-next-page]")?.click();
  else show(all[Math.max(0, to)], true);
}

/** Go along a list of links; enter opens the one reached. From the start: from what is open. */
function along(/** @type {HTMLElement[]} */ lines, /** @type {number} */ step) {
  const here = lines.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const from = here < 0 ? lines.findIndex((line) => line.hasAttribute("aria-current")) : here;
  lines[Math.min(lines.length - 1, Math.max(0, from + step))].focus();
}

/**
 * Press what carries a key. A box is entered; what cannot be taken back is shown first, and pressed by the second press.
 * @param {HTMLElement} button
 */
function press(button) {
  const shows = button.matches("textarea, select, input:not([type=checkbox], [type=radio])") || ("twice" in button.dataset && document.activeElement !== button);
  if (shows) button.focus();
  else button.click();
}

/** Return the card that comes after one: the next that nobody else has, else the one before. */
function after(/** @type {HTMLElement} */ card) {
  const all = $$("[data-card]");
  const at = all.findIndex((other) => other.id === card.id); // its line may have come in its place
  const open = (/** @type {HTMLElement} */ other) => free(other) && !other.classList.contains("is-decided");
  return all.slice(at + 1).find(open) ?? all.slice(0, at).reverse().find(open);
}

/** Open what comes next: a card that is known to be ours is there at once; another only when the server says so. */
async function goOn(/** @type {HTMLElement} */ from) {
  for (let next = after(from); next; next = after(from)) {
    if (ours.has(next.dataset.card)) { show(next); return; }
    target = next;
    for (const other of $$("[data-card].is-open")) close(other);
    await keep();
    const now = document.getElementById(next.id);
    if (target?.id !== next.id) return; // somebody pressed something meanwhile
    if (!now) return;
    if (free(now) && !now.classList.contains("is-decided")) { show(now); return; }
  }
  show(null);
}

// --- Saying ---------------------------------------------------------------------------------------------------------

let fading = 0;

function say(/** @type {HTMLElement} */ toast) {
  $("[data-toasts]").replaceChildren(toast);
  clearTimeout(fading);
  fading = setTimeout(function gone() {
    if (toast.matches(":hover, :focus-within")) fading = setTimeout(gone, 2000);
    else toast.remove();
  }, TOAST_SECONDS * 1000);
}

function sayFailed() {
  const toast = built('<form class="toast" data-toast><span role="alert"></span></form>');
  $("span", toast).textContent = desk.dataset.failed ?? "";
  say(toast);
}

/** Put numbers wherever they stand. @param {Record<string, string | number | undefined>} now */
function count(now) {
  for (const place of $$("[data-count]")) {
    const number = now[place.dataset.count];
    if (number !== undefined && place.textContent !== String(number)) place.textContent = String(number);
  }
}

/**
 * Post a form and return the answer's element and whether it was done; null when nothing came back.
 * @param {HTMLFormElement} form @param {FormData} data
 */
async function post(form, data) {
  try {
    const answer = await ask(form.action, { method: "POST", body: data, keepalive: true });
    // Signed out meanwhile: the page itself knows the way to the sign-in.
    if (answer.redirected || answer.status === 403) { location.reload(); return null; }
    const html = await answer.text();
    if (!answer.ok && !html.trimStart().startsWith("<li")) return null;
    return { done: answer.ok, element: built(html) };
  } catch {
    return null;
  }
}

// --- Deciding -------------------------------------------------------------------------------------------------------

/** Decisions that did not arrive: the card's id and the button's value. @type {Map<string, string>} */
const unsent = new Map();
/** Decisions on their way. */
let flying = 0;

/** @param {HTMLFormElement} form @param {HTMLButtonElement} button @param {boolean} quietly */
async function decide(form, button, quietly = false) {
  const card = /** @type {HTMLElement} */ (form.closest("[data-card]"));
  if (card.classList.contains("is-decided") || "busy" in card.dataset) return;
  const data = new FormData(form, button);
  if (unsent.has(card.id)) data.set("again", "on");
  if ("stays" in button.dataset) { mark(card, form, data); return; }
  const line = $(".line1", card).innerHTML;
  const wasOpen = card.classList.contains("is-open");
  close(card);
  card.classList.add("is-decided");
  const tag = document.createElement("span");
  tag.className = `tag ${button.value.split(":")[0]}`;
  tag.textContent = button.dataset.said ?? "";
  $(".why", card).replaceChildren(tag);
  held.delete(card.dataset.card ?? ""); // the decision frees it
  ours.delete(card.dataset.card ?? "");
  if (!quietly || wasOpen) goOn(card);

  flying += 1;
  const answer = await post(form, data);
  flying -= 1;
  if (answer?.done) {
    unsent.delete(card.id);
    count(answer.element.dataset);
    card.replaceWith($("[data-card]", answer.element));
    done($("[data-toast]", answer.element));
    finish();
    return;
  }
  // Not done: the card comes back, with what was typed; nobody's typing elsewhere is interrupted.
  const typing = desk.querySelector("textarea:focus");
  card.classList.remove("is-decided");
  $(".line1", card).innerHTML = line;
  if (answer) {
    unsent.delete(card.id);
    card.replaceWith(answer.element);
    if (typing) close(answer.element);
    else show(answer.element, true);
    return;
  }
  unsent.set(card.id, button.value);
  $("[data-alert]", card)?.remove();
  const alert = $("#not-sent")?.content.firstElementChild.cloneNode(true);
  if (alert) $(".open", card).prepend(alert);
  sayFailed();
  if (!typing && !quietly) show(card, true);
}

/** A mark that readers see: the card stays open. */
async function mark(/** @type {HTMLElement} */ card, /** @type {HTMLFormElement} */ form, /** @type {FormData} */ data) {
  card.dataset.busy = "";
  const answer = await post(form, data);
  delete card.dataset.busy;
  if (!answer) { sayFailed(); return; }
  swap(card, answer.done ? $("[data-card]", answer.element) : answer.element);
  if (answer.done) done($("[data-toast]", answer.element));
  else sync();
}

/** When everything on the page is decided, and has arrived: the next page, or that nothing is left. */
function finish() {
  if (flying || unsent.size || cards().some(free)) return;
  const more = $("[data-next-page]");
  if (more) more.click();
  else if (!cards().length) for (const end of $$("[data-all-done]")) end.hidden = false;
}

/** Send again what did not arrive, now that there is a connection. The server makes no decision twice. */
function sendAgain(/** @type {HTMLElement | null} */ only = null) {
  for (const [id, value] of [...unsent]) {
    const card = document.getElementById(id);
    const form = card && $("form[data-acts]", card);
    const button = form && $(`button[value="${CSS.escape(value)}"]`, form);
    if (!button) unsent.delete(id);
    else if (!only || only === card) decide(form, button, !only);
  }
}

// --- Undoing --------------------------------------------------------------------------------------------------------

/** What can be taken back, the latest last. @type {{comment: string, version: string, undo: string}[]} */
let undoable = [];

/** Say what was done, and keep the way back when the words are gone. */
function done(/** @type {HTMLElement} */ toast) {
  say(toast);
  const button = $("button[name=undo]", toast);
  if (button) {
    const [comment, version] = ["comment", "version"].map((name) => $(`[name=${name}]`, toast).value);
    undoable = undoable.filter((one) => one.comment !== comment || (one.version === version && one.undo !== button.value));
    undoable.push({ comment, version, undo: button.value });
  }
  sync();
}

/** Let every bar offer what can be taken back now. */
function sync() {
  const last = undoable.at(-1);
  if (bar) for (const name of ["comment", "version", "undo"]) {
    $(`[name=${name}]`, bar).value = last ? last[/** @type {"comment" | "version" | "undo"} */ (name)] : "";
  }
  for (const button of $$("[data-undo]")) button.disabled = !last;
}

/** @param {HTMLFormElement} form @param {HTMLButtonElement} button */
async function undo(form, button) {
  const data = new FormData(form, button);
  const [comment, what] = ["comment", "undo"].map((name) => String(data.get(name) ?? ""));
  if (!what) return;
  const kept = undoable;
  undoable = undoable.filter((one) => one.comment !== comment || one.undo !== what);
  sync();
  const answer = await post(form, data);
  if (!answer) { undoable = kept; sync(); sayFailed(); return; }
  if (answer.done) { count(answer.element.dataset); done($("[data-toast]", answer.element)); }
  const card = answer.done ? $("[data-card]", answer.element) : answer.element;
  const old = document.getElementById(card.id);
  if (old) old.replaceWith(card);
  else $("[data-cards]")?.prepend(card);
  for (const end of $$("[data-all-done]")) end.hidden = true;
  show(card, true);
}

// --- What is pressed ------------------------------------------------------------------------------------------------

desk.addEventListener("submit", (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  const button = /** @type {HTMLButtonElement} */ (event.submitter);
  if (form === bar || button?.name === "undo") { event.preventDefault(); undo(form, button); }
  else if (form.matches("[data-acts]") && button?.name === "decision") { event.preventDefault(); decide(form, button); }
  else if (form.matches("[data-take-over]")) { event.preventDefault(); takeOver(form, button); }
});

async function takeOver(/** @type {HTMLFormElement} */ form, /** @type {HTMLButtonElement} */ button) {
  const card = /** @type {HTMLElement} */ (form.closest("[data-card]"));
  try {
    const answer = await ask(form.action, { method: "POST", body: new FormData(form, button) });
    const html = (await answer.json()).cards[button.value];
    const now = built(html);
    held.add(button.value);
    swap(card, now);
    show(now, true);
  } catch { sayFailed(); }
}

/** Show or hide what stands around the comment. */
async function converse(/** @type {HTMLAnchorElement} */ link) {
  const place = $("[data-conversation-place]", link.closest(".open") ?? desk);
  const shown = place.childElementCount > 0;
  link.setAttribute("aria-expanded", String(!shown));
  if (shown) { place.replaceChildren(); return; }
  const html = await ask(link.href).then((answer) => (answer.ok && !answer.redirected ? answer.text() : "")).catch(() => "");
  if (html) place.replaceChildren(built(html));
  else location.assign(link.href);
}

/** Show the message as the author will get it. */
function preview(/** @type {Element | null} */ at) {
  const sheet = at?.closest(".sheet");
  const message = sheet && $("[data-message]", sheet);
  if (!message) return;
  const reason = at?.closest(".reasons button");
  if (reason) {
    $("[data-told-name]", message).textContent = reason.getAttribute("data-told");
    $("[data-told-sentence]", message).textContent = $("[data-sentence]", reason).textContent;
  }
  $("[data-told-words]", message).textContent = $("[name=explanation]", sheet).value;
}
for (const kind of ["focusin", "mouseover", "input"]) desk.addEventListener(kind, (event) => preview(/** @type {Element} */ (event.target)));

desk.addEventListener("click", (event) => {
  const at = /** @type {HTMLElement} */ (event.target);
  const opener = at.closest("[data-open]");
  if (opener) $("#" + opener.getAttribute("data-open")).showModal();
  if (at.closest("[data-send-again]")) { sendAgain(at.closest("[data-card]")); return; }
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  const around = /** @type {HTMLAnchorElement | null} */ (at.closest("a[data-conversation]"));
  if (around) { event.preventDefault(); converse(around); return; }
  if (at.closest("[data-look-again]")) {
    event.preventDefault();
    const card = at.closest("[data-card]");
    at.closest("[data-alert]")?.remove();
    if (card) $(".line1", card).focus({ preventScroll: true });
    return;
  }
  const line = at.closest("[data-card] > .line1");
  if (!line) return;
  event.preventDefault();
  const card = /** @type {HTMLElement} */ (line.parentElement);
  // A decided card opens as it now is.
  if (card.classList.contains("is-decided")) card.classList.remove("is-decided");
  show(card, true);
});

// An objection and its words answer each other.
for (const [on, kind] of /** @type {[boolean, "mouseover" | "mouseout"][]} */ ([[true, "mouseover"], [false, "mouseout"]])) {
  desk.addEventListener(kind, (event) => {
    const at = /** @type {HTMLElement} */ (event.target).closest("[data-n]");
    const card = at?.closest("[data-card]");
    if (!at || !card) return;
    const numbers = (at.getAttribute("data-n") ?? "").split(" ");
    for (const other of $$("[data-n]", card)) {
      if ((other.getAttribute("data-n") ?? "").split(" ").some((/** @type {string} */ n) => numbers.includes(n))) other.classList.toggle("is-pointed", on);
    }
  });
}

document.addEventListener("keydown", (event) => {
  const at = /** @type {HTMLElement} */ (event.target);
  if (event.key === "Escape") {
    for (const sheet of $$("details.pop[open]")) { sheet.open = false; sheet.querySelector("summary").focus(); }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.repeat || at.isContentEditable) return;
  if (at.closest("input:not([type=checkbox],[type=radio]), textarea, select, dialog[open]")) return;
  // WCAG 2.1.4: single-letter keys can be switched off; Alt with the letter works always
  if (!event.altKey && $("[data-single-keys]")?.checked === false) return;
  const letter = event.altKey && /^Key[A-Z]$/.test(event.code);
  const key = letter ? event.code.slice(3).toLowerCase() : event.key.toLowerCase();
  const card = open();
  const pop = card && $(`details[data-pop="${CSS.escape(key)}"]`, card);
  const sheet = card && $("details[data-pop][open]", card);
  const keyed = `[data-key="${CSS.escape(key)}"]`;
  const button = (card && $(keyed, card)) ?? $$(keyed).find((each) => !each.closest("[data-card]"));
  const search = key === "/" && $("input[type=search]");
  if (key === "j") move(+1);
  else if (key === "k") move(-1);
  else if (search) search.focus();
  else if (pop && !pop.closest("fieldset:disabled")) {
    // Once opens the sheet, twice takes what is suggested.
    const guessed = $("[data-guessed]", pop);
    if (pop.open && guessed) guessed.click();
    else {
      if (sheet && sheet !== pop) sheet.open = false;
      pop.open = !pop.open;
      if (pop.open) (guessed ?? $("[data-reason]", pop))?.focus();
    }
  }
  else if (/^[0-9]$/.test(key) && sheet) $(`[data-reason="${key}"]`, sheet)?.click();
  else if (button) press(button);
  else return;
  event.preventDefault();
});

// --- From the start -------------------------------------------------------------------------------------------------

// What only a script can do is shown only now.
for (const hidden of $$("[data-needs-script]")) hidden.hidden = false;
const single = $("[data-single-keys]");
if (single) {
  const KEPT = "comments-desk-single-keys";
  try { single.checked = localStorage.getItem(KEPT) !== "off"; } catch { /* private mode: on */ }
  single.addEventListener("change", () => { try { localStorage.setItem(KEPT, single.checked ? "on" : "off"); } catch { /* not kept */ } });
}
if (bar) {
  const first = Object.fromEntries(["comment", "version", "undo"].map((name) => [name, $(`[name=${name}]`, bar).value]));
  if (first.undo) undoable.push(/** @type {any} */ (first));
  const toast = $("[data-toasts] [data-toast]");
  if (toast) done(toast);
  sync();
  keep();
  setInterval(() => { if (document.visibilityState === "visible") keep(); }, LOOK_SECONDS * 1000);
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") keep(); });
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (event) => { if (event.persisted) keep(); });
  addEventListener("online", () => sendAgain());
  addEventListener("beforeunload", (event) => { if (unsent.size) event.preventDefault(); });
}

// --- What goes on beyond the edge ---------------------------------------------------------------------------------------

// On a phone the page's own tab and queue may stand outside the row, and a chart's newest days outside their frame.
for (const here of $$(":is(.tabs, .queues) [aria-current]")) {
  const row = here.closest(".tabs, .queues");
  const [mine, its] = [here.getBoundingClientRect(), row.getBoundingClientRect()];
  row.scrollLeft += mine.left + mine.width / 2 - its.left - its.width / 2;
}
for (const plot of $$(".plot")) plot.scrollLeft = plot.scrollWidth;
