// The page that a server sends a sign-in's popup back to: hands what stands in the URL to the page that waits for it,
// and closes. Put `<script src="reissue-popup.js">` first into any page that is to do that before its Python starts.
// app/reissue/browser/popup.py has the other end, and says why there are two ways.

"use strict";

{
    const query = location.search;
    const state = new URLSearchParams(query).get("state") ?? "";
    if (state.startsWith("popup.")) {
        const channel = new BroadcastChannel(`reissue:popup ${state}`);
        const taken = said => said === "taken" && close();
        channel.addEventListener("message", ({data}) => taken(data));
        addEventListener("message", ({data, origin}) => origin === location.origin && taken(data?.reissue));
        channel.postMessage(query);
        opener?.postMessage({reissue: query}, location.origin);
        history.replaceState(null, "", location.pathname); // the code stands in no history, and no script finds it
    }
}
