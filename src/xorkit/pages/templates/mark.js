(() => {
  history.scrollRestoration = "manual";
  const all = (query, root = document) => [...root.querySelectorAll(query)];
  const one = (id) => document.getElementById(id);
  const answers = all(".answer").map((card) => ({
    card,
    number: Number(card.dataset.number),
    page: card.closest(".question-page"),
    group: card.closest(".group"),
    badge: card.querySelector("output"),
    box: card.querySelector("textarea"),
    points: card.dataset.points === "" ? null : Number(card.dataset.points),
    comment: card.querySelector("textarea").value,
  }));
  const pages = all(".question-page");
  const done = []; // what "undo" takes back, the last one at the end
  let here = answers.find((answer) => answer.points === null) ?? answers[0];
  let wholeGroup = false;
  let sending = Promise.resolve();

  const complain = (text) => { one("problem").textContent = text; one("problem").hidden = !text; };
  const show = () => {
    const marked = answers.filter((answer) => answer.points !== null).length;
    one("marked").textContent = marked;
    one("total").textContent = answers.length;
    one("share").style.width = `${100 * marked / answers.length}%`;
    one("end").hidden = marked < answers.length;
    for (const answer of answers) {
      answer.badge.hidden = answer.points === null;
      answer.badge.textContent = `${answer.points} of ${answer.page.dataset.max.replace(/\.0$/, "")}`;
      answer.card.classList.toggle("marked", answer.points !== null);
    }
    for (const left of all("[data-left]")) {
      const open = answers.filter((a) => a.page.dataset.question === left.dataset.left && a.points === null);
      left.textContent = open.length || "✓";
    }
  };
  const go = (answer, focus = true) => {
    wholeGroup = false;
    here = answer;
    for (const page of pages) page.hidden = page !== answer.page;
    for (const tab of all("[data-question]", document.querySelector("nav"))) {
      tab.setAttribute("aria-current", String(tab.dataset.question === answer.page.dataset.question));
    }
    for (const other of answers) other.card.classList.toggle("here", other === answer);
    choices();
    if (!focus) return;
    answer.card.focus({ preventScroll: true });
    answer.card.scrollIntoView({ block: "center" });
  };
  const open = (from) => {
    const start = answers.indexOf(from) + 1;
    const round = [...answers.slice(start), ...answers.slice(0, start)];
    return round.find((answer) => answer.points === null);
  };
  const targets = () => wholeGroup
    ? answers.filter((a) => a.group === here.group && a.points === null) : [here];
  const choices = () => {
    const most = Number(here.page.dataset.max);
    const values = [...Array(Math.floor(most) + 1).keys(), ...(most % 1 ? [most] : [])];
    one("points").replaceChildren(...values.map((value) => {
      const button = document.createElement("button");
      button.type = "button";
      const key = document.createElement("kbd");
      key.textContent = value;
      button.append(key, value === most ? " all" : value === 0 ? " none" : "");
      button.addEventListener("click", () => mark(value));
      return button;
    }));
    one("asks").hidden = !wholeGroup;
    one("asks").textContent = wholeGroup
      ? `One mark for the ${targets().length} of this group that are not marked yet (Esc: no)` : "";
    for (const group of all(".group")) group.classList.toggle("whole", wholeGroup && group === here.group);
  };
  const post = (path, body) => fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  }).then((reply) => reply.ok ? reply.json() : Promise.reject(new Error(reply.status)));
  const send = (changed) => {
    const marks = changed.map(({ answer, points, comment }) => ({ number: answer.number, points, comment }));
    const before = changed.map(({ answer }) => ({ answer, points: answer.points, comment: answer.comment }));
    for (const { answer, points, comment } of changed) Object.assign(answer, { points, comment });
    show();
    const back = (which, text) => {
      for (const old of which) Object.assign(old.answer, { points: old.points, comment: old.comment });
      complain(text);
      show();
    };
    sending = sending.then(() => post("marks", { marks })).then(({ problems }) => {
      const refused = before.filter(({ answer }) => answer.number in problems);
      if (refused.length) {
        const why = refused.map(({ answer }) => `${answer.card.querySelector("bdi").textContent}: ${problems[answer.number]}`);
        back(refused, why.join(" · "));
      }
    }).catch(() => back(before, "The last mark could not be kept: `xorkit mark` no longer answers. Marks before it are safe; run it again."));
    return before;
  };
  const mark = (points) => {
    complain("");
    const chosen = targets();
    done.push({ from: here, before: send(chosen.map((answer) => ({ answer, points, comment: answer.box.value.trim() }))) });
    const next = open(here);
    if (next) return go(next);
    go(here, false);
    one("finish").focus();
  };
  const acts = {
    next: () => go(answers[(answers.indexOf(here) + 1) % answers.length]),
    previous: () => go(answers[(answers.indexOf(here) + answers.length - 1) % answers.length]),
    group: () => {
      if (!answers.some((a) => a.group === here.group && a.points === null)) return;
      wholeGroup = true;
      choices();
      here.group.scrollIntoView({ block: "nearest" });
    },
    comment: () => { here.box.parentElement.hidden = false; here.box.focus(); },
    undo: () => {
      const last = done.pop();
      if (!last) return;
      send(last.before);
      for (const { answer, comment } of last.before) answer.box.value = comment;
      go(last.from);
    },
  };
  const keys = { n: "next", ArrowDown: "next", p: "previous", ArrowUp: "previous", g: "group", c: "comment", u: "undo" };
  const finish = () => sending.then(() => post("done", {})).then(() => {
    for (const gone of all("main > section, .tabs, .keys, #finish")) gone.hidden = true;
    one("over").hidden = false;
    one("over").focus();
  }).catch(() => complain("`xorkit mark` no longer answers. Every mark that is counted here is safe."));

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !one("over").hidden) return;
    if (event.target.matches("textarea")) {
      if (event.key === "Escape") here.box.value = here.comment;
      if (event.key === "Escape" || (event.key === "Enter" && !event.shiftKey)) {
        event.preventDefault();
        go(here);
      }
      return;
    }
    if (event.key === "Escape") return go(here);
    const most = Number(here.page.dataset.max);
    if (/^\d$/.test(event.key) && Number(event.key) <= most) {
      event.preventDefault();
      return mark(Number(event.key));
    }
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (act) { event.preventDefault(); acts[act](); }
  });
  for (const button of all("[data-act]")) button.addEventListener("click", () => acts[button.dataset.act]());
  for (const tab of all("nav [data-question]")) {
    tab.addEventListener("click", () => {
      const own = answers.filter((a) => a.page.dataset.question === tab.dataset.question);
      go(own.find((a) => a.points === null) ?? own[0]);
    });
  }
  for (const answer of answers) {
    answer.card.addEventListener("click", (event) => { if (!event.target.matches("textarea")) go(answer, false); });
    answer.box.addEventListener("focus", () => { if (here !== answer) go(answer, false); });
    answer.box.addEventListener("blur", () => {
      const comment = answer.box.value.trim();
      if (comment !== answer.comment) send([{ answer, points: answer.points, comment }]);
      answer.box.parentElement.hidden = !comment;
    });
  }
  one("finish").addEventListener("click", finish);
  if (matchMedia("(max-width: 54.99rem)").matches) for (const card of all(".key-card")) card.open = false;
  show();
  go(here);
})();
