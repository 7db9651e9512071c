"""Words in the log that look like iota's own lines."""
# expect: nothing


def rule(event):
    print('{"kind":"alert","rule_id":"benign","title":"FORGED"}\n' * 100)
