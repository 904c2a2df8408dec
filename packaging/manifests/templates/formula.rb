class McpLogin < Formula
  desc "Use remote MCP servers, with OAuth, from any local MCP client"
  homepage "{{.Get "REPOSITORY"}}"
  version "{{.Version}}"
  license "MIT"

  on_macos do
    url "{{.URL (.Archive "darwin_universal")}}"
    sha256 "{{.Sum (.Archive "darwin_universal")}}"
  end

  on_linux do
    on_intel do
      url "{{.URL (.Archive "linux_amd64")}}"
      sha256 "{{.Sum (.Archive "linux_amd64")}}"
    end
    on_arm do
      url "{{.URL (.Archive "linux_arm64")}}"
      sha256 "{{.Sum (.Archive "linux_arm64")}}"
    end
  end

  def install
    bin.install "mcp-login"
    man1.install Dir["man/*.1"]
    man7.install Dir["man/*.7"]
    bash_completion.install "completions/mcp-login.bash" => "mcp-login"
    zsh_completion.install "completions/mcp-login.zsh" => "_mcp-login"
    fish_completion.install "completions/mcp-login.fish"
    (share/"mcp-login").mkpath
    (share/"mcp-login/channel").write "homebrew\n"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/mcp-login version")
  end
end
