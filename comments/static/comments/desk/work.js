// @ts-check
/**
 * Notes and handing on without a reload. Each is a form that works without this file.
 *
 * The answer is the card as it now is; after handing a comment on, the next card opens.
 */

const desk = /** @type {HTMLElement} */ (document.querySelector("#desk"));

desk.addEventListener("submit", async (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  const card = /** @type {HTMLElement | null} */ (form.closest("[data-card]"));
  if (!card || !form.matches("[data-work]")) return;
  event.preventDefault();
  const data = new FormData(form, event.submitter);
  let answer;
  try {
    answer = await fetch(form.action, { method: "POST", body: data, headers: { "X-Requested-With": "comments" } });
  } catch { /* no connection: the browser's own way, which says so */ }
  if (!answer || answer.redirected || answer.status === 403) {
    const again = document.createElement("input");
    again.type = "hidden";
    again.name = event.submitter?.getAttribute("name") ?? "";
    again.value = event.submitter?.getAttribute("value") ?? "";
    if (again.name) form.append(again);
    form.submit();
    return;
  }
  const holder = document.createElement("template");
  holder.innerHTML = (await answer.text()).trim();
  const fresh = /** @type {HTMLElement | null} */ (holder.content.querySelector("[data-card]"));
  if (!fresh) return;
  const next = /** @type {HTMLElement | null} */ (card.nextElementSibling?.querySelector(".line1") ?? null);
  card.replaceWith(fresh);
  if (answer.ok && form.dataset.work === "next" && next) next.click();
  else /** @type {HTMLElement | null} */ (fresh.querySelector(".line1"))?.focus({ preventScroll: true });
});
