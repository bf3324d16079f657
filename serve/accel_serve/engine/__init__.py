"""What draws requests: a queue, a thread, and rows of many images in one call. It knows no HTTP."""
