"""What listens to a running stream: the web page, MQTT, drawings."""
