// Sets data-theme on <html> before the first paint. A classic script: a module would run too late.
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;

  const read = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null; // storage is blocked
    }
  };
  const write = (theme) => {
    try {
      localStorage.setItem("theme", theme);
    } catch {
      // the choice then lasts until the page is closed
    }
  };
  const show = (theme) => {
    root.dataset.theme = theme;
    const button = document.querySelector("#theme");
    if (button) button.setAttribute("aria-pressed", String(theme === "dark"));
  };

  show(read() ?? (system.matches ? "dark" : "light"));
  system.addEventListener("change", () => {
    if (!read()) show(system.matches ? "dark" : "light");
  });
  document.addEventListener("DOMContentLoaded", () => {
    show(root.dataset.theme);
    document.querySelector("#theme").addEventListener("click", () => {
      const theme = root.dataset.theme === "dark" ? "light" : "dark";
      write(theme);
      show(theme);
    });
  });
})();
