namespace insight {}
