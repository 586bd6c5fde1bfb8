// @ts-check
/* The last things that went wrong in this tab, for a reader who reports one: codes and times, no text. See issue.js. */

const NAME = "comments:ring";

/** @typedef {{t: number, what: string, door: string, code: string, request_id: string, ms: number, online: boolean}} Met */

/** @type {Met[]} */
let memory = [];

/** @returns {Met[]} */
export function ring() {
  try {
    memory = JSON.parse(sessionStorage.getItem(NAME) ?? "[]").filter((/** @type {Met} */ met) => Date.now() - met.t < 864e5);
  } catch {
    // storage is closed to us: what this page saw
  }
  return memory;
}

/** @param {string} what @param {string} code @param {number} [ms] @param {string} [request_id] */
export function keep(what, code, ms = 0, request_id = "") {
  memory = [...ring(), { t: Date.now(), what, door: "page", code, request_id, ms, online: navigator.onLine }].slice(-20);
  try {
    sessionStorage.setItem(NAME, JSON.stringify(memory));
  } catch {
    // it stays in memory
  }
}

/** @param {string} url @param {RequestInit} more */
export async function asked(url, more) {
  const begun = Date.now();
  try {
    const answer = await fetch(url, more);
    const { status, headers } = answer;
    const ms = Date.now() - begun;
    const code = headers.get("X-Comments-Code") ?? String(status);
    if (status > 399 || ms > 5000) keep(status > 499 ? "failed" : status > 399 ? "refused" : "slow", code, ms, headers.get("X-Request-ID") ?? "");
    return answer;
  } catch (error) {
    keep("failed", "network", Date.now() - begun);
    throw error;
  }
}

/** Keep errors of our own scripts, and that the section is hidden from its reader. */
export function watch() {
  addEventListener("error", ({ filename, error, lineno }) => {
    const file = /\/comments\/([\w.-]+)/.exec(filename ?? "");
    if (file) keep("script", `${error?.name} ${file[1]}:${lineno}`);
  });
  addEventListener("load", () => {
    if (document.getElementById("comments")?.offsetHeight === 0) keep("blocked", "section_missing");
  });
}
