// The console's one script. Every page works without it; it adds live progress, search as you type,
// copy buttons and the menu of small screens. No framework, no dependencies.
"use strict";

document.documentElement.classList.add("scripted");

const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// Where tabs or steps do not fit, the current one is what is seen of them.
for (const row of all(".tabs, .steps")) {
  const current = row.querySelector("[aria-current]");
  if (current) row.scrollLeft = current.offsetLeft - row.offsetLeft - (row.clientWidth - current.offsetWidth) / 2;
}

// The menu of small screens.
for (const button of all(".menu-button")) {
  button.addEventListener("click", () => {
    const open = button.closest(".side").classList.toggle("open");
    button.setAttribute("aria-expanded", String(open));
  });
}

// Copy buttons: data-copy names the element whose text is copied.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  const text = source.value ?? source.textContent;
  try {
    await navigator.clipboard.writeText(text.trim());
  } catch {
    const range = document.createRange();
    range.selectNodeContents(source);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    document.execCommand("copy");
  }
  const label = button.querySelector(".copy-label");
  const before = label.textContent;
  label.textContent = "Copied";
  setTimeout(() => { label.textContent = before; }, 1600);
});

// Questions before something that cannot be undone: data-confirm asks.
document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});

// Search as you type: the form's own page is fetched, and the element that data-results names is swapped.
for (const form of all("form[data-results]")) {
  let timer = 0;
  let latest = 0;
  const search = async () => {
    const mine = ++latest;
    const query = new URLSearchParams(new FormData(form));
    for (const [key, value] of [...query]) if (value === "") query.delete(key);
    const url = `${form.getAttribute("action") ?? location.pathname}?${query}`;
    const answer = await fetch(url, { headers: { accept: "text/html" } });
    if (!answer.ok || mine !== latest) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById(form.dataset.results);
    const old = document.getElementById(form.dataset.results);
    if (fresh && old) {
      old.replaceChildren(...fresh.childNodes);
      history.replaceState(null, "", url);
    }
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, 150);
  });
}

// A preview that follows a form: data-preview is where the form is sent, data-into where the answer goes.
for (const form of all("form[data-preview]")) {
  let timer = 0;
  let latest = 0;
  const look = async () => {
    const mine = ++latest;
    const target = document.getElementById(form.dataset.into);
    const body = new URLSearchParams(new FormData(form));
    const answer = await fetch(form.dataset.preview, { method: "POST", body });
    if (mine === latest) target.innerHTML = await answer.text();
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, 250);
  });
}

// Files are read into the text field that data-into names; they can be dropped too.
const take = async (file, target) => {
  if (!file || file.size > 200_000) return;
  document.getElementById(target).value = await file.text();
};
for (const input of all("input[type=file][data-into]")) {
  input.addEventListener("change", () => take(input.files[0], input.dataset.into));
  const zone = input.closest(".drop");
  zone?.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("over"); });
  zone?.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone?.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    take(event.dataTransfer.files[0], input.dataset.into);
  });
}

// Live parts: data-live is a stream of events. `replace` swaps the content, `append` adds at the end,
// `prepend` at the start, `go` opens a page, `end` ends it.
const listen = (part) => {
  const stream = new EventSource(part.dataset.live);
  stream.addEventListener("replace", (event) => { part.innerHTML = event.data; });
  stream.addEventListener("append", (event) => { part.insertAdjacentHTML("beforeend", event.data); });
  stream.addEventListener("prepend", (event) => {
    part.insertAdjacentHTML("afterbegin", event.data);
    while (part.children.length > 200) part.lastElementChild.remove();
  });
  stream.addEventListener("go", (event) => { stream.close(); location.assign(event.data); });
  stream.addEventListener("end", () => stream.close());
  addEventListener("pagehide", () => stream.close());
};
for (const part of all("[data-live]")) {
  const start = part.dataset.start && document.getElementById(part.dataset.start);
  if (start) start.addEventListener("click", (event) => { event.preventDefault(); start.disabled = true; part.replaceChildren(); listen(part); });
  else listen(part);
}
