namespace okta {}
