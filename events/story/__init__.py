"""The synthetic bucket: an ordinary morning in one AWS account with an attack inside it.

`noise`, `scenes` and `attack` yield CloudTrail records, `delivery` packs them into log files as CloudTrail does, and
`envelopes` tells a Lambda function about those files in every way AWS can. Everything is a function of the seed in
`dice`: no clock, no randomness, no network, so that two runs on two machines give the same records. Standard library
only.
"""
