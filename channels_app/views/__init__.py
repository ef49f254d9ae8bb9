"""The pages: the clinic's own numbers, the operator's fleet, one channel, and what probes ask."""
