package binary

// hearHangups does nothing: there are none.
func hearHangups() {}
