package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// checkAnswer wants the result of whoami for the id, whose text names the
// subject: as JSON, or as the data of the one event that a stream has.
func checkAnswer(body []byte, id int, subject string) error {
	if !bytes.HasPrefix(body, []byte("{")) {
		_, data, ok := bytes.Cut(body, []byte("data: "))
		if !ok {
			return errors.New("neither JSON nor an event")
		}
		body, _, _ = bytes.Cut(data, []byte("\n"))
	}
	var answer struct {
		ID     *int            `json:"id"`
		Error  json.RawMessage `json:"error"`
		Result struct {
			IsError bool `json:"isError"`
			Content []struct {
				Type string `json:"type"`
				Text string `json:"text"`
			} `json:"content"`
		} `json:"result"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	switch {
	case answer.ID == nil || *answer.ID != id:
		return fmt.Errorf("not the answer to %d", id)
	case answer.Error != nil || answer.Result.IsError || len(answer.Result.Content) != 1:
		return errors.New("no result")
	}
	var claims struct {
		Subject string `json:"sub"`
	}
	if err := json.Unmarshal([]byte(answer.Result.Content[0].Text), &claims); err != nil {
		return fmt.Errorf("decode claims: %w", err)
	}
	if claims.Subject != subject {
		return fmt.Errorf("told %q that it is %q", subject, claims.Subject)
	}
	return nil
}
