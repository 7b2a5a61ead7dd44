"use strict";
// Filters the examples by rule, language and words, and opens or closes what is shown. Without it the page is whole.
(function () {
  const bar = document.getElementById("filter");
  if (!bar) return;
  const rule = document.getElementById("by-rule");
  const lang = document.getElementById("by-lang");
  const words = document.getElementById("by-text");
  const count = document.getElementById("shown");
  const groups = Array.from(document.querySelectorAll("#examples details.rule"));
  const examples = Array.from(document.querySelectorAll("#examples details.example"));
  const texts = new Map();
  const textOf = (one) => {
    if (!texts.has(one)) texts.set(one, one.textContent.toLowerCase());
    return texts.get(one);
  };
  const apply = () => {
    const wanted = words.value.trim().toLowerCase();
    let number = 0;
    for (const one of examples) {
      const fits = (!lang.value || one.dataset.lang === lang.value) && (!wanted || textOf(one).includes(wanted));
      one.hidden = !fits;
    }
    for (const group of groups) {
      const chosen = !rule.value || group.id === rule.value;
      const inside = group.querySelectorAll("details.example:not([hidden])").length;
      group.hidden = !chosen || ((lang.value || wanted) && !inside);
      if (!group.hidden) number += inside;
      if (!group.hidden && (rule.value || lang.value || wanted)) group.open = true;
    }
    count.textContent = number + (number === 1 ? " example" : " examples");
  };
  let waiting = 0;
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(apply, 120);
  };
  const setAll = (open) => {
    for (const group of groups) if (!group.hidden) group.open = open;
    for (const one of examples) if (!one.hidden && !one.closest("[hidden]")) one.open = open;
  };
  rule.addEventListener("change", apply);
  lang.addEventListener("change", apply);
  words.addEventListener("input", soon);
  document.getElementById("open-all").addEventListener("click", () => setAll(true));
  document.getElementById("close-all").addEventListener("click", () => setAll(false));
  document.getElementById("clear").addEventListener("click", () => {
    rule.value = lang.value = words.value = "";
    apply();
    setAll(false);
  });
  // A link to a rule opens it.
  const follow = () => {
    const target = location.hash ? document.getElementById(location.hash.slice(1)) : null;
    if (target && target.matches("details.rule")) {
      if (target.hidden) {
        rule.value = lang.value = words.value = "";
        apply();
      }
      target.open = true;
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", follow);
  bar.hidden = false;
  apply();
  follow();
})();
