`post_action`, `log_subrequest`, `uninitialized_variable_warn` and `$sent_trailer_…` do what nginx does.
