// Sends the form in the background, tells how far it is, and puts the answer in its place.
// Without this script the form works as forms do. Its words come from the page.
"use strict";

(() => {
  const form = document.querySelector("form[data-progress]");
  const field = form?.querySelector("input[type=file]");
  if (!field) return;
  const words = form.dataset;
  const panel = document.getElementById(words.progress);
  const bar = panel.querySelector("progress");
  const cancel = panel.querySelector("button");
  const send = form.querySelector("[type=submit]");
  const status = form.querySelector("[role=status]");
  const STEP = 25; // per cent after which a screen reader is told again

  let request = null;

  function showForm() {
    request = null;
    panel.hidden = true;
    send.hidden = false;
    form.removeAttribute("aria-busy");
  }

  function showProgress() {
    forgetProblem();
    panel.hidden = false;
    send.hidden = true;
    form.setAttribute("aria-busy", "true");
    cancel.focus();
  }

  function forgetProblem() {
    document.querySelector(".problem")?.remove();
    status.textContent = "";
  }

  /** Says why there is no answer, above the form, which keeps its file. */
  function showProblem(title, text) {
    showForm();
    forgetProblem();
    const box = document.createElement("div");
    box.className = "problem";
    box.tabIndex = -1;
    box.setAttribute("role", "alert");
    for (const [tag, content] of [["strong", title], ["p", text]]) {
      if (!content) continue;
      const part = document.createElement(tag);
      part.textContent = content;
      box.append(part);
    }
    form.before(box);
    box.focus();
  }

  /** Puts the server's page in the place of this one. */
  function showAnswer(page) {
    for (const part of ["header", "main"]) {
      document.querySelector(part).replaceWith(document.importNode(page.querySelector(part), true));
    }
    document.title = page.title;
    history.pushState(null, "");
    addEventListener("popstate", () => location.reload());
    const heading = document.querySelector("main h1");
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
    scrollTo(0, 0);
  }

  function receive() {
    const page = request.response;
    const problem = page?.querySelector(".problem");
    if (page?.querySelector(".verdict")) {
      showAnswer(page);
    } else if (problem) {
      const [title, text] = ["h1", "p"].map((tag) => problem.querySelector(tag)?.textContent);
      showProblem(title, text);
    } else {
      showProblem("", words.failed);
    }
  }

  function tellSent(event) {
    if (!event.lengthComputable) return;
    const percent = Math.floor((100 * event.loaded) / event.total);
    bar.value = percent;
    const told = words.sending.replace("{percent}", percent - (percent % STEP));
    if (status.textContent !== told) status.textContent = told;
  }

  function tellExamining() {
    bar.removeAttribute("value"); // nobody knows how long it takes
    status.textContent = words.examining;
  }

  function upload() {
    const size = field.files[0]?.size ?? 0;
    if (size > Number(words.mostBytes)) {
      showProblem("", words.tooLarge);
      return;
    }
    showProgress();
    bar.value = 0;
    request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.responseType = "document";
    request.upload.addEventListener("progress", tellSent);
    request.upload.addEventListener("load", tellExamining);
    request.addEventListener("load", receive);
    request.addEventListener("error", () => showProblem("", words.failed));
    request.send(new FormData(form));
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!request) upload();
  });

  cancel.addEventListener("click", () => {
    request?.abort();
    showForm();
    status.textContent = words.cancelled;
    field.focus();
  });

  // A file may be dropped anywhere: beside the form, a browser would leave the page for it.
  const brings = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = form.isConnected && !request ? "copy" : "none";
    form.classList.add("over");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) form.classList.remove("over");
  });
  addEventListener("drop", (event) => {
    form.classList.remove("over");
    if (!brings(event)) return;
    event.preventDefault();
    if (!form.isConnected || request || !event.dataTransfer.files.length) return;
    const one = new DataTransfer();
    one.items.add(event.dataTransfer.files[0]);
    field.files = one.files;
    form.requestSubmit();
  });

  form.querySelector("[data-with-script]").hidden = false;
})();
