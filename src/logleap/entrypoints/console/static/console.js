// Enhances pages that work without it. All files of this folder become one script, in the order of their names.
"use strict";

(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

  /** Shows times in the viewer's zone; their title keeps UTC. */
  function localTimes(root) {
    for (const element of root.querySelectorAll("time[datetime]:not([data-local])")) {
      const at = new Date(element.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      element.textContent = at.toLocaleString(navigator.language, { dateStyle: "medium", timeStyle: "medium" });
      element.dataset.local = zone;
    }
  }

  /** Another page of ours; null where it cannot be had. */
  async function fetched(address) {
    const answer = await fetch(address, { credentials: "same-origin", headers: { Accept: "text/html" } }).catch(() => null);
    if (!answer || !answer.ok || answer.redirected) return null;
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  }

  /** Puts in the place of an element what has its id now, with its times in the viewer's zone. */
  function replace(element, by) {
    localTimes(by);
    element.replaceWith(by);
    document.dispatchEvent(new CustomEvent("replaced", { detail: by }));
    return by;
  }

  /** `data-load` names the page that has what belongs in the element's place. */
  async function load(element) {
    element.setAttribute("aria-busy", "true");
    const found = (await fetched(element.dataset.load))?.getElementById(element.id);
    element.removeAttribute("aria-busy");
    if (found) replace(element, found);
  }

  /** Elements with `data-live` are fetched anew, together, until there are none. Nobody's input is taken away. */
  async function live() {
    let seen;
    for (let wait = 1000; document.querySelector("[data-live]"); wait = Math.min(wait * 1.5, 10000)) {
      await new Promise((done) => setTimeout(done, wait));
      const page = document.hidden ? null : await fetched(location.href);
      if (!page) continue;
      const elements = [...document.querySelectorAll("[data-live]")];
      const texts = elements.map((element) => page.getElementById(element.id)?.textContent).join("\n");
      if (seen !== undefined && texts !== seen) wait = 1000;
      seen = texts;
      for (const element of elements) {
        const found = page.getElementById(element.id);
        if (found && !element.contains(document.activeElement)) replace(element, found);
      }
    }
  }

  /** Sends the form with its file, shows how far it is, and puts the answer into the page. */
  function enhanceUpload(form) {
    const file = form.elements.file;
    const [drop, progress, problem] = [".drop", "[data-progress]", "[data-problem]"].map((at) => form.querySelector(at));
    form.querySelector("[data-drop]").hidden = false;
    const refuse = (text) => {
      problem.textContent = text;
      problem.hidden = !text;
    };
    for (const type of ["dragenter", "dragover"]) {
      drop.addEventListener(type, (event) => {
        event.preventDefault();
        drop.classList.add("over");
      });
    }
    for (const type of ["dragleave", "drop"]) drop.addEventListener(type, () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      if (event.dataTransfer.files.length > 1) return refuse("Drop one file at a time.");
      if (event.dataTransfer.files.length) file.files = event.dataTransfer.files;
      refuse("");
    });
    form.addEventListener("submit", (event) => {
      const most = Number(form.dataset.most);
      if (file.files[0] && file.files[0].size > most) {
        event.preventDefault();
        return refuse(`This file has more than ${most.toLocaleString()} bytes. Split it, or use logleap push.`);
      }
      event.preventDefault();
      refuse("");
      send(form, progress, refuse);
    });
  }

  function send(form, progress, refuse) {
    const bar = progress.querySelector("progress");
    const said = progress.querySelector("[data-said]");
    const button = form.querySelector("button[type=submit]");
    const request = new XMLHttpRequest();
    const ended = (text) => {
      progress.hidden = true;
      button.disabled = false;
      refuse(text);
    };
    request.upload.addEventListener("progress", (event) => {
      bar.value = event.loaded / event.total;
      said.textContent = `Uploading: ${Math.floor((100 * event.loaded) / event.total)} %`;
    });
    request.upload.addEventListener("load", () => {
      bar.removeAttribute("value");
      said.textContent = "Uploaded; reading and storing the entries";
    });
    request.addEventListener("load", () => {
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      const main = page.getElementById("main");
      if (!main) return ended(`The server refused it (${request.status}). ${plainProblem(request)}`);
      document.title = page.title;
      const shown = replace(document.getElementById("main"), main);
      shown.querySelectorAll("form.upload").forEach(enhanceUpload);
      shown.tabIndex = -1;
      shown.focus();
      scrollTo(0, 0);
    });
    request.addEventListener("error", () =>
      ended("The connection was lost. Send the form again: nothing is added twice."),
    );
    request.open("POST", form.action);
    request.send(new FormData(form));
    progress.hidden = false;
    button.disabled = true;
  }

  /** What a problem says that is no page. */
  function plainProblem(request) {
    try {
      const problem = JSON.parse(request.responseText);
      return `${problem.detail} Request ${problem.requestId}.`;
    } catch {
      return "";
    }
  }

  localTimes(document);
  document.querySelectorAll("[data-load]").forEach(load);
  live();
  document.querySelectorAll("form.upload").forEach(enhanceUpload);
})();
