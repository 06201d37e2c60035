// An instance of the WASM, by what the Worker calls of it. The build makes a function of this module and of all that it
// imports, since each instance needs variables of its own: wasm-bindgen's are for one.
import {
  admitRings, broke, claimName, confirmClaim, expireClaims, failed, fetch, forgetClaim, giveBack, initSync, installSecret,
  installedSecret, openClaims, releaseClaim, resume, scheduled, settle,
} from "hookgate";

export default (module) => {
  initSync({ module });
  return {
    admitRings, broke, claimName, confirmClaim, expireClaims, failed, fetch, forgetClaim, giveBack, installSecret,
    installedSecret, openClaims, releaseClaim, resume, scheduled, settle,
  };
};
