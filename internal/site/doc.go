// Package site says whether two addresses have one owner, by the Public Suffix List
// (https://publicsuffix.org): who may register example.com owns all names below it. It is
// apart from package origin because of the module with the list: bearer brings none along.
package site
