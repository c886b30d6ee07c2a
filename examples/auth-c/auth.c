// The tiny auth plugin in C: lets in who shows the token of the configuration. See README.md.
#include <stdlib.h>

#include "bindings/auth_plugin.h"

static void deny(exports_wasmcast_auth_check_decision_t *answer, uint16_t status, const char *reason) {
  *answer = (exports_wasmcast_auth_check_decision_t){.tag = EXPORTS_WASMCAST_AUTH_CHECK_DECISION_DENY};
  answer->val.deny.status = status;
  auth_plugin_string_dup(&answer->val.deny.reason, reason);  // the viewer reads this
}

// True with an answer, false with an error; both are given to the server, which has them freed.
bool exports_wasmcast_auth_check_authorize(exports_wasmcast_auth_check_borrow_session_t session,
                                           exports_wasmcast_auth_check_decision_t *answer, auth_plugin_string_t *error) {
  auth_plugin_string_t name, expected, shown, plan;
  auth_plugin_string_set(&name, "token");
  if (!wasmcast_host_config_value(&name, &expected)) {
    auth_plugin_string_dup(error, "config: `token` is missing");  // the operator reads this
    return false;
  }
  if (!wasmcast_host_sessions_method_session_token(session, &shown)) {
    auth_plugin_string_free(&expected);
    *answer = (exports_wasmcast_auth_check_decision_t){.tag = EXPORTS_WASMCAST_AUTH_CHECK_DECISION_ABSTAIN};
    return true;
  }
  auth_plugin_list_u8_t a = {expected.ptr, expected.len}, b = {shown.ptr, shown.len};
  bool matches = wasmcast_host_crypto_equal(&a, &b);  // in constant time
  auth_plugin_string_free(&expected);
  auth_plugin_string_free(&shown);
  if (!matches) {
    deny(answer, 401, "This link is not valid.");
    return true;
  }

  *answer = (exports_wasmcast_auth_check_decision_t){.tag = EXPORTS_WASMCAST_AUTH_CHECK_DECISION_ALLOW};
  exports_wasmcast_auth_check_grant_t *grant = &answer->val.allow;
  grant->subject.is_some = true;
  auth_plugin_string_dup(&grant->subject.val, "alice");
  grant->ttl_ms = (auth_plugin_option_u32_t){.is_some = true, .val = 10 * 60 * 1000};
  grant->max_bitrate_kbps = (auth_plugin_option_u32_t){.is_some = true, .val = 4000};
  auth_plugin_string_set(&name, "plan");
  if (!wasmcast_host_config_value(&name, &plan)) auth_plugin_string_dup(&plan, "free");
  grant->tags.ptr = malloc(sizeof *grant->tags.ptr);
  grant->tags.len = 1;
  auth_plugin_string_dup(&grant->tags.ptr[0].key, "plan");
  grant->tags.ptr[0].value = plan;
  return true;
}
