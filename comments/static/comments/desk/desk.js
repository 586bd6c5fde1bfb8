// @ts-check
/**
 * Keys, and decisions without a reload, for the desk. Every action is a form that works without this file.
 *
 * A press of a key clicks the button that carries it (data-key), so keys and buttons can never disagree. A decision
 * folds its card at once and opens the next; what the newsroom's server says then takes the card's place: the line it
 * became, or the card again with what changed. Strings are read from the page; nothing is written here that a
 * translator would need.
 */

const desk = /** @type {HTMLElement} */ (document.querySelector("#desk"));
const $ = (/** @type {string} */ q, /** @type {ParentNode} */ from = desk) => /** @type {any} */ (from.querySelector(q));
const $$ = (/** @type {string} */ q, /** @type {ParentNode} */ from = desk) => /** @type {any[]} */ ([...from.querySelectorAll(q)]);
const BY_SCRIPT = { "X-Requested-With": "comments" };
const AHEAD = 3;

const cards = () => $$("[data-card]:not(.is-decided)");
const open = () => $("[data-card].is-open:not(.is-decided)");

/** Open cards on their way, by the id of their element. @type {Map<string, Promise<HTMLElement | null>>} */
const coming = new Map();

/** Return the element in `html`. @param {string} html @returns {HTMLElement} */
function built(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html.trim();
  return /** @type {HTMLElement} */ (holder.content.firstElementChild);
}

/** Fetch the open form of a closed card, once. @param {HTMLElement} card */
function fetchCard(card) {
  const known = coming.get(card.id);
  if (known) return known;
  const asked = fetch(/** @type {string} */ (card.dataset.fragment), { headers: BY_SCRIPT })
    .then(async (answer) => (answer.ok && !answer.redirected ? built(await answer.text()) : null))
    .catch(() => null);
  coming.set(card.id, asked);
  return asked;
}

/** Fetch the next few cards before they are wanted: a decision must not wait for the network. */
function lookAhead() {
  const all = cards();
  const at = all.indexOf(open());
  for (const card of all.slice(at + 1, at + 1 + AHEAD)) if (!$(".open", card)) fetchCard(card);
}

let wanted = /** @type {HTMLElement | null} */ (null);

/** Open one card, close the others, and keep its top at the same height so that the eye need not move. */
async function show(/** @type {HTMLElement | null | undefined} */ card) {
  wanted = card ?? null;
  for (const other of $$("[data-card].is-open")) if (other !== card) close(other);
  if (!card) return;
  if (!$(".open", card)) {
    const fetched = await fetchCard(card);
    coming.delete(card.id);
    if (wanted !== card) return;
    if (!fetched) { location.assign($(".line1", card).href); return; }
    card.replaceWith(fetched);
    card = fetched;
  }
  card.classList.add("is-open");
  $(".line1", card).setAttribute("aria-current", "true");
  $(".line1", card).focus({ preventScroll: true });
  card.scrollIntoView({ block: "start" });
  lookAhead();
}

function close(/** @type {HTMLElement} */ card) {
  card.classList.remove("is-open");
  $(".line1", card).removeAttribute("aria-current");
  for (const sheet of $$("details.pop[open]", card)) sheet.open = false;
}

function move(/** @type {number} */ step) {
  const all = cards();
  const to = all.indexOf(open()) + step;
  if (to >= all.length) $("[data-next-page]")?.click();
  else show(all[Math.max(0, to)]);
}

function say(/** @type {HTMLElement} */ toast) {
  $("[data-toasts]").replaceChildren(toast);
}

function sayFailed() {
  const toast = built('<form class="toast" data-toast><span role="alert"></span></form>');
  $("span", toast).textContent = desk.dataset.failed ?? "";
  say(toast);
}

/**
 * Post a form and return the answer's element and whether it was done; null when nothing came back.
 * @param {HTMLFormElement} form @param {FormData} data
 */
async function post(form, data) {
  try {
    const answer = await fetch(form.action, { method: "POST", body: data, headers: BY_SCRIPT });
    // Signed out meanwhile: the page itself knows the way to the sign-in.
    if (answer.redirected || answer.status === 403) { location.reload(); return null; }
    if (!answer.ok && answer.status !== 409 && answer.status !== 400) { sayFailed(); return null; }
    return { done: answer.ok, element: built(await answer.text()) };
  } catch {
    sayFailed();
    return null;
  }
}

/** Put the numbers of an answer wherever they stand. @param {HTMLElement} answer */
function count(answer) {
  for (const place of $$("[data-count]")) {
    const now = answer.dataset[place.dataset.count];
    if (now !== undefined) place.textContent = now;
  }
}

/** @param {HTMLFormElement} form @param {HTMLButtonElement} button */
async function decide(form, button) {
  const card = /** @type {HTMLElement} */ (form.closest("[data-card]"));
  if (card.classList.contains("is-decided")) return;
  const data = new FormData(form, button);
  const all = cards();
  const next = all[all.indexOf(card) + 1] ?? all[all.indexOf(card) - 1];
  const line = $(".line1", card).innerHTML;
  close(card);
  card.classList.add("is-decided");
  const tag = document.createElement("span");
  tag.className = `tag ${button.value.split(":")[0]}`;
  tag.textContent = button.dataset.said ?? "";
  $(".why", card).replaceChildren(tag);
  show(next);

  const answer = await post(form, data);
  if (answer?.done) {
    count(answer.element);
    card.replaceWith($("[data-card]", answer.element));
    say($("[data-toast]", answer.element));
    return;
  }
  // Not done: the card comes back, with what was typed; nobody's typing elsewhere is interrupted.
  card.classList.remove("is-decided");
  $(".line1", card).innerHTML = line;
  if (answer) card.replaceWith(answer.element);
  const again = answer?.element ?? card;
  if (desk.querySelector("textarea:focus") && answer) close(again);
  else show(again);
}

/** @param {HTMLFormElement} form @param {HTMLButtonElement} button */
async function undo(form, button) {
  const answer = await post(form, new FormData(form, button));
  if (!answer) return;
  if (answer.done) { count(answer.element); say($("[data-toast]", answer.element)); }
  else form.remove();
  const card = answer.done ? $("[data-card]", answer.element) : answer.element;
  const old = document.getElementById(card.id);
  if (old) old.replaceWith(card);
  else $("[data-cards]")?.prepend(card);
  show(card);
}

desk.addEventListener("submit", (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  const button = /** @type {HTMLButtonElement} */ (event.submitter);
  if (button?.name === "undo") { event.preventDefault(); undo(form, button); }
  else if (form.matches("[data-acts]") && button?.name === "decision") { event.preventDefault(); decide(form, button); }
});

desk.addEventListener("click", (event) => {
  const at = /** @type {HTMLElement} */ (event.target);
  const opener = at.closest("[data-open]");
  if (opener) $("#" + opener.getAttribute("data-open")).showModal();
  const line = at.closest("[data-card] > .line1");
  if (!line || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const card = /** @type {HTMLElement} */ (line.parentElement);
  // A decided card opens as it now is.
  if (card.classList.contains("is-decided")) { card.classList.remove("is-decided"); coming.delete(card.id); }
  show(card);
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
  if (at.closest("input:not([type=checkbox],[type=radio]), textarea, select, dialog")) return;
  // WCAG 2.1.4: single-letter keys can be switched off; Alt with the letter works always
  if (!event.altKey && $("[data-single-keys]")?.checked === false) return;
  const key = event.key.toLowerCase();
  const card = open();
  const pop = card && $(`details[data-pop="${CSS.escape(key)}"]`, card);
  const sheet = card && $("details[data-pop][open]", card);
  const button = $(`[data-key="${CSS.escape(key)}"]`, card ?? desk) ?? $(`[data-key="${CSS.escape(key)}"]`);
  if (key === "j") move(+1);
  else if (key === "k") move(-1);
  else if (pop) { pop.open = !pop.open; if (pop.open) $("[data-reason]", pop)?.focus(); }
  else if (/^[0-9]$/.test(key) && sheet) $(`[data-reason="${key}"]`, sheet)?.click();
  else if (button && (card?.contains(button) || !button.closest("[data-card]"))) button.click();
  else return;
  event.preventDefault();
});

// What only a script can do is shown only now.
for (const hidden of $$("[data-needs-script]")) hidden.hidden = false;
const single = $("[data-single-keys]");
if (single) {
  const KEPT = "comments-desk-single-keys";
  try { single.checked = localStorage.getItem(KEPT) !== "off"; } catch { /* private mode: on */ }
  single.addEventListener("change", () => { try { localStorage.setItem(KEPT, single.checked ? "on" : "off"); } catch { /* not kept */ } });
}
if (open()) lookAhead();
