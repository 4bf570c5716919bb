"""Outputs of a running stream: the web page, MQTT, drawings."""
