(() => {
  const table = document.querySelector("#all table");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => ({ row, name: row.querySelector("a").textContent.toLowerCase(), ...row.dataset }));
  const [name, status, found, count] = ["name", "status", "found-code", "count"].map((id) => document.getElementById(id));
  const filter = () => {
    const wanted = name.value.trim().toLowerCase();
    let shown = 0;
    for (const each of rows) {
      const fits = each.name.includes(wanted) && (!status.value || each.status === status.value)
        && (!found.value || each.found.split(" ").includes(found.value));
      each.row.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown} of ${rows.length} learners`;
  };
  const value = (each, column) => {
    const text = each.row.cells[column].dataset.sort ?? each.row.cells[column].textContent.toLowerCase();
    return text !== "" && !isNaN(text) ? Number(text) : text;
  };
  const sort = (header) => {
    const down = header.getAttribute("aria-sort") === "ascending";
    for (const other of header.parentElement.cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    const keyed = rows.map((each) => [value(each, header.cellIndex), each.row]);
    keyed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * (down ? -1 : 1));
    body.append(...keyed.map(([, row]) => row));
  };
  for (const control of [name, status, found]) control.addEventListener("input", filter);
  for (const button of table.tHead.querySelectorAll("button")) button.addEventListener("click", () => sort(button.parentElement));
  for (const button of document.querySelectorAll("button[data-found]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      [name.value, status.value, found.value] = ["", "", button.dataset.found];
      filter();
      document.getElementById("all").scrollIntoView();
      found.focus({ preventScroll: true });
    });
  }
  document.querySelector("[role=search]").hidden = false;
  filter();
})();
