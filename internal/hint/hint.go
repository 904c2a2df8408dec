package hint

// Error is an error of which it is known what to do.
type Error struct {
	// Op is what was under way, such as "renew the token"; "" where Err says it.
	Op string
	// Err is the cause; never nil.
	Err error
	// Hint is the next step, "" for none.
	Hint string
}

// Error implements error: the operation, a colon, the cause.
func (e *Error) Error() string {
	if e.Op == "" {
		return e.Err.Error()
	}
	return e.Op + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// UserHint implements the interface that [Of] looks for; error types that know more
// than a text have this method as well.
func (e *Error) UserHint() string { return e.Hint }

// With adds what to do to err; "" adds nothing.
func With(err error, next string) error {
	if next == "" {
		return err
	}
	return &Error{Err: err, Hint: next}
}

// Of returns what to do about err: the outermost hint in it that says something, of
// errors that are joined that of the first, "" for none.
func Of(err error) string {
	if hinted, ok := err.(interface{ UserHint() string }); ok && hinted.UserHint() != "" {
		return Spell(hinted.UserHint())
	}
	switch wrapper := err.(type) { //nolint:errorlint // each error of the tree is looked at
	case interface{ Unwrap() error }:
		return Of(wrapper.Unwrap())
	case interface{ Unwrap() []error }:
		for _, one := range wrapper.Unwrap() {
			if next := Of(one); next != "" {
				return next
			}
		}
	}
	return ""
}
