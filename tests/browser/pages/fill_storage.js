// Fills localStorage to its last character: the quota is the browser's own.
for (let size = 2 ** 22; size >= 1; size /= 2)
  try {
    for (;;) {
      localStorage.setItem("filled", (localStorage.getItem("filled") ?? "") + "x".repeat(size));
    }
  } catch (error) {
    if (error.name !== "QuotaExceededError") throw error;
  }
