#include "admin/offer.h"

#include "admin/prompts.h"
#include "admin/resources.h"
#include "admin/toolset.h"

namespace admin {

core::Status offer_all(mcp::Server& server, Entrance& entrance, Completions& completions) {
  RETURN_IF_ERROR(add_tools(server, entrance));
  RETURN_IF_ERROR(add_resources(server, entrance, completions));
  return add_prompts(server, entrance, completions);
}

void offer_again(mcp::Server& server) {
  server.tools_changed();
  server.resources_changed();
  server.prompts_changed();
}

}  // namespace admin
