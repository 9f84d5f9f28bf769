"""Libraries that others wrote for WeChat, against the simulator."""
