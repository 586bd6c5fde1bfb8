// @ts-check
/*
 * For editors only: decides in place instead of on a page of its own. Every form works without this.
 */

/**
 * @param {string} selector
 * @param {ParentNode} [within]
 * @returns {HTMLElement | null}
 */
const one = (selector, within = document) => within.querySelector(selector);

/**
 * Say beside the buttons that nothing went out, in the server's words.
 * @param {HTMLElement} place
 */
function failed(place) {
  const template = /** @type {HTMLTemplateElement | null} */ (one("template[data-not-sent]"));
  const notice = /** @type {HTMLElement | undefined} */ (template?.content.firstElementChild?.cloneNode(true));
  if (!notice) return;
  one("[data-said]", place)?.remove();
  place.prepend(notice);
  notice.focus();
}

document.addEventListener("submit", async (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  const place = /** @type {HTMLElement | null} */ (form.closest("[data-moderate]"));
  const article = form.closest(".comment");
  // A page with one comment is a page: its answer is one too.
  if (!place || !article || !form.closest("#comments") || form.elements.namedItem("alone")) return;
  event.preventDefault();
  if (place.getAttribute("aria-busy")) return;
  const button = /** @type {HTMLButtonElement | null} */ (event.submitter);
  const facts = new FormData(form);
  if (button?.name) facts.append(button.name, button.value);
  place.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(form.action, {
      method: "POST",
      body: facts,
      credentials: "same-origin",
      headers: { "X-Requested-With": "comments" },
    });
    const next = one(".comment", new DOMParser().parseFromString(await response.text(), "text/html"));
    if (!next) return void failed(place);
    article.replaceWith(document.adoptNode(next));
    next.dispatchEvent(new Event("comments:put", { bubbles: true }));
    one("[data-said]", next)?.focus();
  } catch {
    failed(place);
  } finally {
    place.removeAttribute("aria-busy");
  }
});
