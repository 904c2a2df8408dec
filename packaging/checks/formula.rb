# Stands in for Homebrew, as far as the formula of mcp-login uses it:
#
#   ruby formula.rb FORMULA SYSTEM PROCESSOR PREFIX
#
# It installs what lies in the current folder, an unpacked archive, into PREFIX and prints
# name and sum of the archive that the formula wants there. Whatever the formula names and
# the archive has not is an error, as is a word of Homebrew that is not here.
require "fileutils"
require "pathname"

FORMULA, SYSTEM, PROCESSOR, PREFIX = ARGV

# A folder of Homebrew has a way to install files.
class Pathname
  def install(*files)
    mkpath
    files.flatten.each do |file|
      file = { file => File.basename(file) } unless file.is_a?(Hash)
      file.each { |from, to| FileUtils.cp(from, self + to) }
    end
    raise "nothing to install in #{self}" if files.flatten.empty?
  end
end

class Formula
  SAID = {}
  class << self
    %i[desc homepage url sha256 license version].each do |word|
      define_method(word) { |value = nil| value ? SAID[word] = value : SAID[word] }
    end
    def on_macos = (yield if SYSTEM == "macos")
    def on_linux = (yield if SYSTEM == "linux")
    def on_intel = (yield if PROCESSOR == "intel")
    def on_arm = (yield if PROCESSOR == "arm")
    def test(&) = SAID[:test] = true
  end

  {
    bin: "bin", share: "share", man1: "share/man/man1", man7: "share/man/man7",
    bash_completion: "etc/bash_completion.d", zsh_completion: "share/zsh/site-functions",
    fish_completion: "share/fish/vendor_completions.d"
  }.each { |word, folder| define_method(word) { Pathname.new(PREFIX) + folder } }
end

load FORMULA
missing = %i[desc homepage url sha256 license version test].reject { |word| Formula::SAID[word] }
raise "the formula has no #{missing.join(", ")}" unless missing.empty?

McpLogin.new.install
puts "#{Formula::SAID[:sha256]}  #{File.basename(Formula::SAID[:url])}"
