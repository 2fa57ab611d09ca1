(() => {
  const table = document.querySelector("#all table");
  const one = (id) => document.getElementById(id);
  const all = (query, root = document) => [...root.querySelectorAll(query)];
  let rows = all("tbody", table).map((body) => ({
    body,
    row: body.rows[0],
    name: all("bdi, .members", body.rows[0].cells[0]).map((each) => each.textContent).join(" ").toLowerCase(),
    keys: new Set(body.dataset.keys.split(" ")),
  }));
  const [name, status, found, count, chosen] = ["name", "status", "found-code", "count", "chosen"].map(one);
  let key = "";
  let most = Number(table.dataset.rows); // more rows than this are shown when asked for
  const filter = () => {
    const wanted = name.value.trim().toLowerCase();
    let shown = 0;
    for (const each of rows) {
      const fits = each.name.includes(wanted) && [status.value, found.value, key].every((k) => !k || each.keys.has(k));
      each.body.hidden = !fits;
      shown += fits;
      each.body.classList.toggle("later", fits && shown > most);
    }
    count.textContent = `${shown} of ${rows.length} learners${shown > most ? `, the first ${most} shown` : ""}`;
    one("more").hidden = shown <= most;
    for (const button of all("button[data-key]")) button.setAttribute("aria-pressed", String(button.dataset.key === key));
  };
  const choose = (wanted, label) => {
    [name.value, status.value, found.value, key] = ["", "", "", wanted];
    chosen.hidden = !wanted;
    chosen.textContent = `${label} ✕`;
    chosen.setAttribute("aria-label", `Show all again, not only: ${label}`);
    filter();
  };
  const value = (each, column) => {
    const cell = each.row.cells[column];
    const text = cell.dataset.sort ?? cell.textContent.toLowerCase();
    return text !== "" && !isNaN(text) ? Number(text) : text;
  };
  const sort = (header) => {
    const down = header.getAttribute("aria-sort") === "ascending";
    for (const other of header.parentElement.cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    const keyed = rows.map((each) => [value(each, header.cellIndex), each]);
    keyed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * (down ? -1 : 1));
    rows = keyed.map(([, each]) => each);
    table.append(...rows.map((each) => each.body));
    filter();
  };
  const toggle = (button) => {
    const detail = one(button.getAttribute("aria-controls"));
    detail.hidden = !detail.hidden;
    button.setAttribute("aria-expanded", String(!detail.hidden));
  };
  const download = () => {
    const field = (text) => {
      const plain = text.trim().replace(/\s+/g, " ").replaceAll("−", "-");
      const harmless = /^[=+@\t]|^-(?![\d.]+$)/.test(plain) ? `'${plain}` : plain;
      return `"${harmless.replaceAll('"', '""')}"`;
    };
    const said = (cell) => cell.matches(".who") && cell.querySelector("bdi") ? cell.querySelector("bdi").textContent : cell.textContent;
    const shown = all("tbody", table).filter((body) => !body.hidden).map((body) => body.rows[0]);
    const lines = [table.tHead.rows[0], ...shown].map((row) => [...row.cells].map((cell) => field(said(cell))).join(","));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(["\ufeff", lines.join("\r\n"), "\r\n"], { type: "text/csv" }));
    link.download = "class.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  const unfold = () => { one(location.hash.slice(1))?.setAttribute("open", ""); };

  for (const control of [name, status, found]) control.addEventListener("input", filter);
  for (const button of all("thead button", table)) button.addEventListener("click", () => sort(button.parentElement));
  for (const button of all("button[data-key]")) {
    button.addEventListener("click", () => {
      choose(button.dataset.key === key ? "" : button.dataset.key, button.dataset.label);
      if (!button.closest("header, #todo")) one("all").scrollIntoView();
    });
  }
  for (const button of all(".open", table)) button.hidden = false;
  table.addEventListener("click", (event) => {
    const row = event.target.closest("tbody tr:first-child");
    if (row && !event.target.closest("a")) toggle(row.querySelector(".open"));
  });
  chosen.addEventListener("click", () => { choose("", ""); name.focus(); });
  one("more").addEventListener("click", () => { most = Infinity; filter(); });
  one("csv").addEventListener("click", download);
  addEventListener("hashchange", unfold);
  document.querySelector("[role=search]").hidden = false;
  unfold();
  filter();
})();
