// @ts-check
/** The range of scores, dragged; and a job, watched. The page does the same without this. */

const SECOND = 1000;

/** @param {string} query @param {ParentNode} [within] @returns {any} */
const $ = (query, within = document) => within.querySelector(query);

const form = $("form[data-range]");

/** Draw what the two fields say. */
function draw() {
  const a = Number($("[name=min]", form).value), b = Number($("[name=max]", form).value);
  const low = Math.min(a, b), high = Math.max(a, b);
  $("[data-fill]", form)?.setAttribute("x", String(low * 8));
  $("[data-fill]", form)?.setAttribute("width", String((high - low) * 8));
  for (const bar of form.querySelectorAll("[data-bin]")) {
    const at = Number(bar.dataset.bin) * 5;
    bar.setAttribute("class", at + 5 > low && at < high ? "f-act" : "f-quiet");
  }
}

/** Fetch numbers and samples for the range, and leave what was typed beside them. */
async function select() {
  const asked = new URLSearchParams(/** @type {any} */ (new FormData(form)));
  const url = `${form.action}?${asked}`;
  try {
    const answer = await fetch(url);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const begin = $("form[data-begin]"), fresh = $("form[data-begin]", page);
    if (!answer.ok || !begin || !fresh) return form.submit();
    const typed = new Map([...new FormData(begin)].filter(([name]) => ["note", "reason", "explanation"].includes(name)));
    for (const part of ["samples", "selection"]) {
      $(`[data-part=${part}]`, begin).replaceWith(document.adoptNode($(`[data-part=${part}]`, fresh)));
    }
    for (const [name, value] of typed) {
      const field = $(`[name=${name}]`, begin);
      if (field) field.value = value;
    }
    history.replaceState(null, "", url);
  } catch {
    form.submit();
  }
}

if (form) {
  for (const [slider, field] of [["[data-low]", "[name=min]"], ["[data-high]", "[name=max]"]]) {
    const one = $(slider, form), other = $(field, form);
    one.addEventListener("input", () => { other.value = one.value; draw(); });
    other.addEventListener("input", () => { one.value = other.value; draw(); });
    one.addEventListener("change", select);
    other.addEventListener("change", select);
  }
}

async function again() {
  const job = $("#job[data-going]");
  if (!job) return;
  try {
    const answer = await fetch(location.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const now = $("#job", page);
    // A button that has the focus keeps it, unless it is over.
    if (answer.ok && now && (!job.contains(document.activeElement) || !now.hasAttribute("data-going"))) {
      job.replaceWith(document.adoptNode(now));
    }
  } catch { /* No connection: the next look may have one. */ }
  setTimeout(again, SECOND);
}

setTimeout(again, SECOND);
