// @ts-check
/** While a rule is being tried: look again every second and put the trial, and nothing else, in its place. */

const SECOND = 1000;

async function again() {
  const trial = document.querySelector("#trial[data-going]");
  if (!trial) return;
  try {
    const link = /** @type {HTMLAnchorElement | null} */ (trial.querySelector("a[href^='?trial=']"));
    const answer = await fetch(link ? link.href : location.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const now = page.querySelector("#trial");
    // What is being typed elsewhere on the page stays as it is.
    if (answer.ok && now && !trial.contains(document.activeElement)) trial.replaceWith(document.adoptNode(now));
  } catch { /* No connection: the next look may have one. */ }
  setTimeout(again, SECOND);
}

setTimeout(again, SECOND);
