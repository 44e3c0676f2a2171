#include "catalogue/error_codes.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "catalogue/embedded.h"

namespace catalogue {
namespace {

using core::ErrorKind;

// A kind the status does not tell. `kAsStatus` leaves it to kind_of_status().
constexpr auto kAsStatus = static_cast<ErrorKind>(-1);

struct Advice {
  std::string_view code;
  ErrorKind kind;
  std::string_view cause;
  std::string_view next_step;
};

// Ordered by code. Many of Okta's 403s are not about rights but about the state of a thing: those are
// conflicts.
constexpr Advice kAdvice[] = {
    {"E0000001", kAsStatus, "A field, or the state of the object, is not what this operation accepts.",
     "Correct the fields that the causes name, then send the request again."},
    {"E0000002", kAsStatus, "An argument has a value that Okta does not take here.",
     "Check the argument named in the message against the API reference."},
    {"E0000003", kAsStatus, "The body is missing, is not JSON, or has a member of the wrong type.",
     "Check the body against the operation's schema."},
    {"E0000004", kAsStatus, "The credentials in the request were not accepted.",
     "Check user name, password or session token; this is not about the access token of this program."},
    {"E0000005", ErrorKind::unauthenticated, "The session or its cookie has ended.", "Sign in again."},
    {"E0000006", kAsStatus,
     "The signed-in principal lacks the admin role for this, or the token lacks the scope.",
     "Grant the admin role that covers this resource, or the missing scope, to the app and sign in again."},
    {"E0000007", kAsStatus, "There is no object with this id, or the principal may not see it.",
     "Look the id up with a list or search operation; a deleted object keeps no id."},
    {"E0000008", kAsStatus, "The path does not exist on this org.",
     "Check the path; some paths exist only when the org has the feature."},
    {"E0000009", kAsStatus, "Okta failed inside.",
     "Try again in a minute; if it persists, give Okta Support the request id."},
    {"E0000010", kAsStatus, "Okta is in read-only mode, as during maintenance.",
     "Reads work; repeat the change later, see status.okta.com."},
    {"E0000011", kAsStatus, "The token is expired, revoked or from another org.",
     "Sign in again; check that the org URL and the token belong together."},
    {"E0000012", ErrorKind::invalid_input, "The body has a media type that Okta does not take here.",
     "Send application/json, or the type that the operation names."},
    {"E0000013", kAsStatus, "The client id is not known to this org.",
     "Check the client id in the settings."},
    {"E0000014", ErrorKind::conflict,
     "The credentials were not changed: the old value or the policy forbids it.",
     "Read the causes; check the password policy that applies to this user."},
    {"E0000015", ErrorKind::forbidden, "The org does not have this feature, or the principal may not use it.",
     "Ask Okta to turn the feature on, or check the admin role; a new token will not help."},
    {"E0000016", ErrorKind::conflict, "The user is active already.",
     "Nothing to do; use reactivate to send the mail again."},
    {"E0000017", ErrorKind::conflict,
     "The password cannot be reset in the user's state or by the user's source.",
     "Check the user's status and credential provider."},
    {"E0000018", kAsStatus, "A header that this operation needs is missing.",
     "Send Accept and Content-Type as the API reference says."},
    {"E0000019", kAsStatus, "The Accept header names no type that this operation answers in.",
     "Ask for the type that the operation names, for instance text/xml for SAML metadata."},
    {"E0000020", kAsStatus, "An argument is malformed.", "Check the arguments against the API reference."},
    {"E0000021", kAsStatus, "The body has a media type that this operation does not take.",
     "Send the type that the operation names."},
    {"E0000022", ErrorKind::invalid_input, "The path exists, but not with this method.",
     "Check the method; POST updates part of an object, PUT replaces it."},
    {"E0000023", ErrorKind::conflict, "The profile is owned by another system (a directory or HR source).",
     "Change the value at its source."},
    {"E0000026", kAsStatus, "This endpoint has been taken out of the API.",
     "Use the operation that replaced it."},
    {"E0000028", kAsStatus, "A required parameter is missing.",
     "Add the parameter and send the request again."},
    {"E0000029", kAsStatus, "The paging cursor is not valid (any more).",
     "Begin the list again without a cursor."},
    {"E0000030", kAsStatus, "A date is not in the form Okta reads.",
     "Write dates as 2026-11-21T23:01:00.000Z."},
    {"E0000031", kAsStatus,
     "The search or filter expression cannot be understood, or its cursor has expired.",
     "Check attribute names, operators and quotes; lastLogin, for one, cannot be searched."},
    {"E0000032", ErrorKind::conflict, "The user is not locked out.", "Read the user's status first."},
    {"E0000033", kAsStatus, "A request may carry `search` or `filter`, not both.", "Keep one of the two."},
    {"E0000034", ErrorKind::conflict, "The user's state or password source does not allow it.",
     "Check the user's status and credential provider."},
    {"E0000035", ErrorKind::conflict,
     "The user's password is not managed by Okta, or the user is not active.",
     "Check the user's status and credential provider."},
    {"E0000036", ErrorKind::conflict, "The user's credentials are not managed by Okta.",
     "Check the user's credential provider."},
    {"E0000037", kAsStatus, "A parameter has the wrong type.", "Check the type against the API reference."},
    {"E0000038", ErrorKind::conflict, "The user's present status does not allow this step.",
     "Read the user's status and take the steps in between (for instance deactivate before delete)."},
    {"E0000039", ErrorKind::conflict, "The app's settings do not allow this.",
     "Read the app and the causes; provisioning may have to be configured first."},
    {"E0000040", ErrorKind::conflict, "Another app has the same label.", "Choose another label."},
    {"E0000041", kAsStatus, "The app's sign-on scheme does not take these credentials.",
     "Leave the credentials out, or change the scheme."},
    {"E0000044", ErrorKind::conflict, "The app does not support self-service.",
     "Assign the app as an admin."},
    {"E0000046", ErrorKind::conflict,
     "The assignment cannot be taken away here, perhaps because a group gives it.",
     "Remove the user from the group, or the group from the app."},
    {"E0000047", kAsStatus, "The org, or this client's share of it, has used up its requests for the minute.",
     "Wait for the window to end, or ask for fewer pages."},
    {"E0000055", kAsStatus, "A group with this name exists.",
     "Use the existing group, or choose another name."},
    {"E0000056", ErrorKind::conflict, "The app is still active, or other objects depend on it.",
     "Deactivate the app, then delete it."},
    {"E0000057", kAsStatus, "An app sign-in policy denies access.", "Read the policy and its rules."},
    {"E0000060", kAsStatus, "Okta does not offer this operation for this object.",
     "Check the object's type against the API reference."},
    {"E0000062", kAsStatus, "The user has the app already.", "Update the assignment instead."},
    {"E0000063", kAsStatus, "These parameters cannot be used together.", "Leave one of them out."},
    {"E0000068", ErrorKind::invalid_input, "The passcode or answer is wrong.", "Ask for the current code."},
    {"E0000069", ErrorKind::conflict, "The user is locked out.", "Unlock the user first."},
    {"E0000075", ErrorKind::conflict, "The attribute is filled by a mapping while profile push is on.",
     "Change the mapping, or the value at its source."},
    {"E0000076", ErrorKind::conflict, "The app user is owned by the app, not by Okta.",
     "Change the value in the app."},
    {"E0000077", ErrorKind::conflict, "The attribute is read-only.", "Leave it out of the body."},
    {"E0000078", ErrorKind::conflict, "The attribute can be set once only.", "Leave it out of the body."},
    {"E0000079", ErrorKind::conflict, "The sign-in transaction is in another state.",
     "Start the sign-in again."},
    {"E0000080", ErrorKind::invalid_input,
     "The password does not satisfy the policy that applies to the user.",
     "Read the password policy, then choose another password."},
    {"E0000086", ErrorKind::conflict, "The policy cannot be activated as it is.",
     "Check its conditions, its rules and the features of the org."},
    {"E0000090", kAsStatus, "The role is assigned already.",
     "Nothing to do; list the assignments to see it."},
    {"E0000091", kAsStatus, "The role is of another type than this path manages.",
     "Use the path for that type of role."},
    {"E0000093", kAsStatus, "The assignment has as many targets as Okta allows.",
     "Remove targets, or use a resource set."},
    {"E0000094", kAsStatus, "The filter is valid, but too complex or not supported for this attribute.",
     "Use fewer terms, or filter the answer."},
    {"E0000095", ErrorKind::conflict, "There is no such user to recover.", "Look the user up first."},
    {"E0000100", kAsStatus, "Okta's search is not available at the moment.",
     "Try again in a minute, or list with `filter` instead of `search`."},
    {"E0000107", ErrorKind::conflict, "The object is in a state that does not allow this step.",
     "Read the object's status and take the steps in between."},
    {"E0000111", ErrorKind::conflict, "The object is owned by Okta or by another system.",
     "System objects cannot be changed; change others at their source."},
    {"E0000112", kAsStatus, "The user is still being activated.", "Try again in a few minutes."},
    {"E0000117", ErrorKind::conflict, "The user is not active.", "Activate the user first."},
    {"E0000119", ErrorKind::conflict, "The user is locked out.", "Unlock the user first."},
    {"E0000124", kAsStatus, "Expiring the password at creation needs a password.",
     "Give credentials.password, or leave nextLogin out."},
    {"E0000125", kAsStatus, "Expiring the password at creation needs an active user.",
     "Create with activate=true, or leave nextLogin out."},
    {"E0000131", kAsStatus, "A feature cannot be used in this way.", "Read the message and the causes."},
    {"E0000134", kAsStatus, "An inline hook of the org could not be reached.",
     "Check the hook's service; the change may have been refused because of it."},
    {"E0000135", kAsStatus, "An inline hook of the org refused the request.", "Read the hook's message."},
    {"E0000137", kAsStatus, "An inline hook of the org did not answer in time.", "Check the hook's service."},
    {"E0000148", ErrorKind::conflict, "A policy uses this authenticator.",
     "Take it out of the policies that the message names."},
    {"E0000152", ErrorKind::conflict, "The device's status does not allow this step.",
     "Read the device's status first."},
    {"E0000165", ErrorKind::conflict, "The domain is not verified.", "Add the DNS records, then verify."},
    {"E0000195", kAsStatus, "The request conflicts with something that exists.", "Read the causes."},
    {"E0000207", kAsStatus, "User name or password is wrong.", "Check the credentials."},
    {"E0000231", kAsStatus, "The object has changed since it was read.",
     "Read it again, look at the difference, then repeat the change."},
    {"E0000239", kAsStatus, "Okta is rearranging policy priorities.", "Try again in a few seconds."},
    {"E0000268", kAsStatus, "Another request is changing role assignments.", "Try again in a few seconds."},
};

struct Table {
  std::vector<ErrorCode> codes;

  Table() {
    std::string_view text = error_codes_data();
    while (!text.empty()) {
      auto line = text.substr(0, text.find('\n'));
      text.remove_prefix(line.size() + 1);
      auto tab = line.find('\t');
      ErrorCode entry{.code = line.substr(0, tab)};
      std::from_chars(line.data() + tab + 1, line.data() + line.size(), entry.status);
      entry.kind = kind_of_status(entry.status);
      auto advice =
          std::lower_bound(std::begin(kAdvice), std::end(kAdvice), entry.code,
                           [](const Advice& row, std::string_view code) { return row.code < code; });
      if (advice != std::end(kAdvice) && advice->code == entry.code) {
        if (advice->kind != kAsStatus) entry.kind = advice->kind;
        entry.cause = advice->cause;
        entry.next_step = advice->next_step;
      }
      codes.push_back(entry);
    }
  }
};

const Table& table() {
  static const Table loaded;
  return loaded;
}

}  // namespace

core::ErrorKind kind_of_status(int status) {
  switch (status) {
    case 401:
      return ErrorKind::unauthenticated;
    case 403:
      return ErrorKind::forbidden;
    case 404:
    case 410:
      return ErrorKind::not_found;
    case 408:
    case 504:
      return ErrorKind::timeout;
    case 409:
    case 412:
    case 423:
      return ErrorKind::conflict;
    case 413:
      return ErrorKind::too_large;
    case 429:
      return ErrorKind::rate_limited;
    case 501:
      return ErrorKind::unsupported;
    default:
      break;
  }
  if (status >= 500) return ErrorKind::unavailable;
  if (status >= 400) return ErrorKind::invalid_input;
  return ErrorKind::protocol;  // a redirect, or a status that is no answer at all
}

const ErrorCode* find_error_code(std::string_view code) {
  const auto& codes = table().codes;
  auto place =
      std::lower_bound(codes.begin(), codes.end(), code,
                       [](const ErrorCode& row, std::string_view wanted) { return row.code < wanted; });
  return place != codes.end() && place->code == code ? &*place : nullptr;
}

std::span<const ErrorCode> error_codes() {
  return table().codes;
}

}  // namespace catalogue
