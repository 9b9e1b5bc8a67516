// Makes pages that work without it a little quicker: choosing an organization shows it at once, a page on which something
// runs keeps itself fresh without moving, keys go to parts of the console.
"use strict";

for (const control of document.querySelectorAll("[data-without-script]")) control.hidden = true;
for (const control of document.querySelectorAll("[data-submit]")) {
  control.addEventListener("change", () => control.form.submit());
}

// A form is sent once, however often its button is pressed.
document.addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

// While something runs, the page is asked for again and its middle is exchanged; not while somebody is typing in it.
if (document.body.hasAttribute("data-live")) {
  const main = document.getElementById("main");
  const look = async () => {
    const isBusy = main.contains(document.activeElement) && document.activeElement !== main;
    if (!document.hidden && !isBusy) {
      try {
        const answer = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "error" });
        if (answer.ok) {
          const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
          main.replaceChildren(...fresh.getElementById("main").childNodes);
          if (!fresh.body.hasAttribute("data-live")) return;
        }
      } catch {
        // The server is away for a moment; the next look will tell.
      }
    }
    setTimeout(look, 3000);
  };
  setTimeout(look, 3000);
}

let before = "";
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  if (event.key === "/") {
    const search = document.querySelector("input[type=search]");
    if (search) {
      event.preventDefault();
      search.focus();
    }
  }
  const places = { o: "/", c: "/connections", s: "/collection-status", a: "/assets", f: "/findings", e: "/events" };
  if (before === "g" && places[event.key]) location.href = places[event.key];
  before = event.key;
});
