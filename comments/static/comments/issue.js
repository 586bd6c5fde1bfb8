// @ts-check
/*
 * Adds to the issue form what only the browser knows: the size of the window, what this tab was last refused, the errors
 * it met. Each is shown in its row, with a tick, before it can be sent. The form is complete without this.
 */

import { ring } from "./ring.js";

const LONGEST = 500;

/** @param {Element} form @param {string} name @param {string} value */
const tell = (form, name, value) => {
  const row = form.querySelector(`[data-fact="${name}"]`);
  const shown = row?.querySelector("[data-value]");
  const sent = row?.querySelector("input[type=hidden]");
  if (!(row instanceof HTMLElement && shown && sent instanceof HTMLInputElement) || !value) return;
  sent.value = shown.textContent = value.slice(0, LONGEST);
  row.hidden = false;
};

/** @param {import("./ring.js").Met} met */
const line = (met) => {
  const at = new Date(met.t).toLocaleTimeString(document.documentElement.lang || undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return [at, met.code || met.what, met.request_id, met.ms > 5_000 && `${Math.round(met.ms / 1000)} s`, !met.online && "offline"].filter(Boolean).join(", ");
};

const met = ring();
const last = met.filter(({ what }) => what === "refused" || what === "failed").at(-1);
const errors = met.filter(({ what }) => what === "script" || what === "blocked" || what === "slow");

for (const form of document.querySelectorAll("form[data-issue-form]")) {
  tell(form, "window", `${innerWidth} × ${innerHeight}, ${Math.round(devicePixelRatio * 100)} %`);
  if (last) {
    tell(form, "last_refusal", line(last));
    for (const [name, value] of Object.entries({ ring_code: last.code, ring_request: last.request_id })) {
      const field = form.querySelector(`input[name="${name}"]`);
      if (field instanceof HTMLInputElement) field.value = value;
    }
  }
  // Without their times, so that equal errors of different readers are equal.
  tell(form, "errors_on_the_page", [...new Set(errors.slice(-3).map(({ what, code }) => code || what))].join("; "));
  if (form instanceof HTMLFormElement && form.dataset.script) pay(form, form.dataset.script);
}

/**
 * While many report at once: the sum that tells this report from a machine's, done while it is being written. Sending
 * never waits for it.
 * @param {HTMLFormElement} form @param {string} script
 */
async function pay(form, script) {
  const field = form.querySelector("input[name=sum]");
  if (!(field instanceof HTMLInputElement)) return;
  const { pay } = (await import(script)).payer(form);
  const fill = () => pay().then((/** @type {string} */ done) => { field.value = done; }, () => {});
  form.addEventListener("input", fill); // anew, where the page has been open for long
  await fill();
}

// What is in order is folded up; whoever follows a link to the form lands in it.
if (location.hash === "#tell") document.querySelector("form[data-issue-form] input[name=kind]:checked")?.scrollIntoView({ block: "center" });
