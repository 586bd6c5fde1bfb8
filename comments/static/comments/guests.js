// @ts-check
/*
 * What a comment by a guest is paid with: a sum that a worker of our own does while the text is being written. Fetched
 * when the first letter is typed, so that a page may be as old as it likes.
 */

const GOOD_FOR = 10 * 60_000; // a sum done longer ago than this is done again

/** @param {HTMLFormElement} form */
export function payer(form) {
  /** @type {Promise<string> | null} */
  let sum = null;
  let begun = 0;

  const begin = () => {
    if (sum && Date.now() - begun < GOOD_FOR) return sum;
    begun = Date.now();
    const doing = done(form.dataset.sum ?? "", form.dataset.worker ?? "");
    sum = doing;
    doing.catch(() => {
      if (sum === doing) sum = null; // no network: asked for again when it is sent
    });
    return doing;
  };
  begin().catch(() => {});
  return {
    pay: () => begin(),
    again: () => {
      sum = null;
    },
  };
}

/**
 * Return the answer to a fresh sum; nothing if this browser cannot do it. Fails without a network.
 * @param {string} url
 * @param {string} script
 * @returns {Promise<string>}
 */
async function done(url, script) {
  if (!window.Worker || !crypto.subtle) return "";
  const response = await fetch(url, { cache: "no-store" });
  if (!response.ok) throw new Error(String(response.status));
  const { maxnumber, ...asked } = await response.json();
  const number = await new Promise((found) => {
    const worker = new Worker(script);
    worker.onmessage = ({ data }) => {
      found(data);
      worker.terminate();
    };
    worker.onerror = () => found(-1);
    worker.postMessage({ ...asked, maxnumber });
  });
  return number < 0 ? "" : btoa(JSON.stringify({ ...asked, number }));
}
