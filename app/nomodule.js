// A classic script, run only by browsers without module scripts: they run nothing else of this page.
document.getElementById("startup").className += " failed";
document.getElementById("startup-stage").hidden = true;
document.getElementById("startup-reason").textContent = "This browser is too old to run Python.";
document.getElementById("startup-advice").textContent =
    "It lacks JavaScript modules. Any Chrome, Edge, Firefox or Safari of the last few years has them.";
document.getElementById("startup-trouble").hidden = false;
