// @ts-check
/*
 * Adds to the issue form what only the browser knows: the size of the window, what the section was last refused, the
 * errors it met. Each is shown in its row, with a tick, before it can be sent. The form is complete without this.
 *
 * The section's script leaves both behind in sessionStorage: "comments:last-refusal" is {"code", "request"?, "at"?},
 * "comments:errors" a list of lines.
 */

const LONGEST = 500;

/** @param {string} name @returns {unknown} */
const left = (name) => {
  try {
    return JSON.parse(sessionStorage.getItem(name) ?? "null");
  } catch {
    // Storage is closed to us, or holds something else: then there is nothing to tell.
    return null;
  }
};

/** @param {unknown} found */
const refusal = (found) => {
  if (typeof found === "string") return found;
  if (found === null || typeof found !== "object") return "";
  const { at, code, request } = /** @type {Record<string, unknown>} */ (found);
  return [at, code, request].filter((part) => typeof part === "string" && part).join(", ");
};

/** @param {unknown} found */
const errors = (found) => (Array.isArray(found) ? found.filter((line) => typeof line === "string").slice(-3).join("; ") : "");

/** @param {Element} form @param {string} name @param {string} value */
const tell = (form, name, value) => {
  const row = form.querySelector(`[data-fact="${name}"]`);
  const shown = row?.querySelector("[data-value]");
  const sent = row?.querySelector("input[type=hidden]");
  if (!(row instanceof HTMLElement && shown && sent instanceof HTMLInputElement) || !value) return;
  sent.value = shown.textContent = value.slice(0, LONGEST);
  row.hidden = false;
};

for (const form of document.querySelectorAll("form[data-issue-form]")) {
  tell(form, "window", `${innerWidth} × ${innerHeight}, ${Math.round(devicePixelRatio * 100) / 100}×`);
  tell(form, "last_refusal", refusal(left("comments:last-refusal")));
  tell(form, "errors_on_the_page", errors(left("comments:errors")));
}
