"""A plug-in for vtn-stream: two formats and a head. Each is loaded when it is first needed."""
