// @ts-check
/* Try one number after the other behind the salt until the SHA-256 is the one asked for. In a worker: typing goes on. */

const AT_ONCE = 200;

onmessage = async ({ data: { salt, challenge, maxnumber } }) => {
  const text = new TextEncoder();
  const sought = challenge.match(/../g).map((/** @type {string} */ pair) => parseInt(pair, 16));
  /** @param {number} number */
  const is = async (number) => {
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", text.encode(salt + number)));
    return sought.every((/** @type {number} */ byte, /** @type {number} */ place) => hash[place] === byte);
  };
  for (let from = 0; from <= maxnumber; from += AT_ONCE) {
    const numbers = Array.from({ length: Math.min(AT_ONCE, maxnumber - from + 1) }, (_, step) => from + step);
    const right = (await Promise.all(numbers.map(is))).indexOf(true);
    if (right >= 0) return void postMessage(from + right);
  }
  postMessage(-1);
};
