package loopback

// reason is why a login failed, as far as that matters to the person.
type reason int

const (
	reasonUnknown     reason = iota
	reasonDenied             // by the person or the provider
	reasonExpired            // too slow
	reasonScope              // a permission is not granted
	reasonTarget             // the provider does not know the server (RFC 8707)
	reasonClient             // the provider does not know the client
	reasonNotAllowed         // the client may not sign people in
	reasonSpent              // the code was used or too old
	reasonRequest            // the provider takes the request for a wrong one
	reasonInteraction        // the provider could not ask what it had to
	reasonBroken             // the provider has a problem
	reasonBusy               // the provider is overloaded
	reasonForeign            // another provider answered
	reasonTwice              // the one-time address was opened by two browsers
	reasonUnmarked           // the answer came from another browser, or one without cookies
	reasonReturned           // the provider sent the browser back without an answer
	reasonsCount             // how many there are
)

// reasonOf tells apart what the pages tell apart, by the error codes of RFC 6749
// section 4.1.2.1 and 5.2, RFC 8707 and OpenID Connect Core section 3.1.2.6.
func reasonOf(code string) reason {
	switch code {
	case "access_denied":
		return reasonDenied
	case "invalid_scope":
		return reasonScope
	case "invalid_target":
		return reasonTarget
	case "invalid_client":
		return reasonClient
	case "unauthorized_client":
		return reasonNotAllowed
	case "invalid_grant":
		return reasonSpent
	case "invalid_request", "unsupported_response_type", "unsupported_grant_type", "request_not_supported", "request_uri_not_supported", "registration_not_supported", "invalid_request_object", "invalid_request_uri":
		return reasonRequest
	case "login_required", "interaction_required", "consent_required", "account_selection_required":
		return reasonInteraction
	case "server_error":
		return reasonBroken
	case "temporarily_unavailable":
		return reasonBusy
	}
	return reasonUnknown
}

// advice is what happened, and what to do.
type advice struct{ what, next string }

// words are all that the pages say in one language. {program} stands for the
// name of the client program; what stands between backticks in what to do is typed
// as it is.
type words struct {
	tag string // of the lang attribute (BCP 47)

	account, server, issuer, foundAt, program, code string // what stands beside the values

	signedIn, back, backTo string
	failed                 string
	reasons                [reasonsCount]advice

	notAwaited string // an answer that nobody waits for
	awaited    advice
	nothing    string // all other addresses
	elsewhere  advice
}

// languages are all there are; the first one is what everybody else gets.
var languages = [...]*words{&english, &german, &french, &spanish, &japanese, &chinese}

var english = words{
	tag: "en", account: "Account", server: "Server", issuer: "Provider", foundAt: "Accepted, found at", program: "Program", code: "Error code",
	signedIn: "Signed in",
	back:     "You can close this tab and go back to your program.",
	backTo:   "You can close this tab and go back to {program}.",
	failed:   "Sign-in failed",
	reasons: [...]advice{
		reasonUnknown:     {"The sign-in did not work.", "The program that asked for it shows the reason. So does `mcp-login login` with the address of the server, in a terminal."},
		reasonDenied:      {"The sign-in was declined, or this account may not use the server.", "If that was a mistake, start again and agree. Otherwise take another account, or ask whoever runs the server for access."},
		reasonExpired:     {"The sign-in took too long.", "Start it again from your program."},
		reasonScope:       {"The provider does not grant a permission that was asked for.", "Ask whoever runs the server for that permission, or choose others with `--scope`."},
		reasonTarget:      {"The provider does not know this server.", "Its address has to be registered there as an API resource, character for character. The program that asked for the sign-in shows which."},
		reasonClient:      {"The provider does not know this client.", "Check the client ID that mcp-login was given, then start again."},
		reasonNotAllowed:  {"The provider does not allow this client to sign people in.", "Whoever runs the provider has to register it as a native application."},
		reasonSpent:       {"The provider did not accept the sign-in: it was used before, or took too long.", "Start it again from your program."},
		reasonRequest:     {"The provider rejected the request as invalid.", "The program that asked for the sign-in shows more. Whoever runs the provider can use the error code."},
		reasonInteraction: {"The provider had a question for you and could not ask it.", "Sign in to the provider in this browser, then start again from your program."},
		reasonBroken:      {"The provider has a problem.", "Wait a few minutes, then start again from your program."},
		reasonBusy:        {"The provider is overloaded or being maintained.", "Wait a few minutes, then start again from your program."},
		reasonForeign:     {"The answer came from another provider than the one that was asked.", "Nothing was sent there. Start again from your program. If it happens again, somebody may be interfering: tell whoever runs the server."},
		reasonTwice:       {"This sign-in was opened a second time, in another browser or by somebody else on this computer. It has ended, to be on the safe side.", "Start again from your program, and open the address in one browser only. If you opened it once, another user of this computer has read it."},
		reasonUnmarked:    {"This is not the browser that began the sign-in, or it keeps no cookies.", "Start again from your program and let this browser keep cookies of this computer. Or run `mcp-login login` with `--no-browser` in a terminal, and open the address by hand."},
		reasonReturned:    {"The provider sent you back without an answer. That is what some do when somebody cancels.", "If that was a mistake, start again from your program and agree to what the provider asks."},
	},
	notAwaited: "Nobody waits for this sign-in",
	awaited:    advice{"It has ended, was started again, or this address is not complete.", "If you were signing in, go back to your program and start again. Otherwise close this tab."},
	nothing:    "Nothing to see here",
	elsewhere:  advice{"This address waits for one sign-in only.", "You can close this tab."},
}

var german = words{
	tag: "de", account: "Konto", server: "Server", issuer: "Anbieter", foundAt: "Akzeptiert, gefunden bei", program: "Programm", code: "Fehlercode",
	signedIn: "Angemeldet",
	back:     "Sie können diesen Tab schließen und zu Ihrem Programm zurückkehren.",
	backTo:   "Sie können diesen Tab schließen und zu {program} zurückkehren.",
	failed:   "Anmeldung fehlgeschlagen",
	reasons: [...]advice{
		reasonUnknown:     {"Die Anmeldung hat nicht geklappt.", "Das Programm, das sie angefordert hat, zeigt den Grund. Das tut auch `mcp-login login` mit der Adresse des Servers, in einem Terminal."},
		reasonDenied:      {"Die Anmeldung wurde abgelehnt, oder dieses Konto darf den Server nicht benutzen.", "Wenn das ein Versehen war, beginnen Sie noch einmal und stimmen Sie zu. Sonst nehmen Sie ein anderes Konto, oder bitten Sie den Betreiber des Servers um Zugang."},
		reasonExpired:     {"Die Anmeldung hat zu lange gedauert.", "Beginnen Sie in Ihrem Programm noch einmal."},
		reasonScope:       {"Der Anbieter gewährt eine angefragte Berechtigung nicht.", "Bitten Sie den Betreiber des Servers um diese Berechtigung, oder wählen Sie mit `--scope` andere."},
		reasonTarget:      {"Der Anbieter kennt diesen Server nicht.", "Die Adresse des Servers muss dort als API-Ressource eingetragen sein, Zeichen für Zeichen. Das Programm, das die Anmeldung angefordert hat, zeigt sie."},
		reasonClient:      {"Der Anbieter kennt diesen Client nicht.", "Prüfen Sie die Client-ID, die mcp-login bekommen hat, und beginnen Sie noch einmal."},
		reasonNotAllowed:  {"Der Anbieter erlaubt diesem Client nicht, Personen anzumelden.", "Der Betreiber des Anbieters muss ihn als native Anwendung eintragen."},
		reasonSpent:       {"Der Anbieter hat die Anmeldung nicht angenommen: Sie wurde schon benutzt oder hat zu lange gedauert.", "Beginnen Sie in Ihrem Programm noch einmal."},
		reasonRequest:     {"Der Anbieter hält die Anfrage für falsch.", "Das Programm, das die Anmeldung angefordert hat, zeigt mehr. Der Fehlercode hilft dem Betreiber des Anbieters."},
		reasonInteraction: {"Der Anbieter hatte eine Frage an Sie und konnte sie nicht stellen.", "Melden Sie sich in diesem Browser beim Anbieter an und beginnen Sie dann in Ihrem Programm noch einmal."},
		reasonBroken:      {"Der Anbieter hat eine Störung.", "Warten Sie einige Minuten und beginnen Sie dann in Ihrem Programm noch einmal."},
		reasonBusy:        {"Der Anbieter ist überlastet oder wird gewartet.", "Warten Sie einige Minuten und beginnen Sie dann in Ihrem Programm noch einmal."},
		reasonForeign:     {"Die Antwort kam von einem anderen Anbieter als dem gefragten.", "Dorthin wurde nichts gesendet. Beginnen Sie in Ihrem Programm noch einmal. Geschieht es wieder, greift vielleicht jemand ein: Sagen Sie es dem Betreiber des Servers."},
		reasonTwice:       {"Diese Anmeldung wurde ein zweites Mal geöffnet, in einem anderen Browser oder von jemand anderem an diesem Computer. Zur Sicherheit ist sie beendet.", "Beginnen Sie in Ihrem Programm noch einmal, und öffnen Sie die Adresse nur in einem Browser. Haben Sie sie nur einmal geöffnet, dann hat ein anderer Benutzer dieses Computers sie gelesen."},
		reasonUnmarked:    {"Das ist nicht der Browser, in dem die Anmeldung begann, oder er behält keine Cookies.", "Beginnen Sie in Ihrem Programm noch einmal, und lassen Sie diesen Browser Cookies dieses Computers behalten. Oder rufen Sie in einem Terminal `mcp-login login` mit `--no-browser` auf, und öffnen Sie die Adresse selbst."},
		reasonReturned:    {"Der Anbieter hat Sie ohne Antwort zurückgeschickt. Manche tun das, wenn jemand abbricht.", "Wenn das ein Versehen war, beginnen Sie in Ihrem Programm noch einmal, und stimmen Sie dem zu, was der Anbieter fragt."},
	},
	notAwaited: "Auf diese Anmeldung wartet niemand",
	awaited:    advice{"Sie ist beendet, wurde neu begonnen, oder diese Adresse ist unvollständig.", "Wenn Sie sich gerade anmelden wollten, kehren Sie zu Ihrem Programm zurück und beginnen Sie noch einmal. Sonst schließen Sie diesen Tab."},
	nothing:    "Hier gibt es nichts zu sehen",
	elsewhere:  advice{"Diese Adresse wartet nur auf eine einzige Anmeldung.", "Sie können diesen Tab schließen."},
}

var french = words{
	tag: "fr", account: "Compte", server: "Serveur", issuer: "Fournisseur", foundAt: "Accepté, trouvé à", program: "Programme", code: "Code d’erreur",
	signedIn: "Connexion réussie",
	back:     "Vous pouvez fermer cet onglet et revenir à votre programme.",
	backTo:   "Vous pouvez fermer cet onglet et revenir à {program}.",
	failed:   "Échec de la connexion",
	reasons: [...]advice{
		reasonUnknown:     {"La connexion n’a pas abouti.", "Le programme qui l’a demandée en indique la raison. La commande `mcp-login login` suivie de l’adresse du serveur l’indique aussi, dans un terminal."},
		reasonDenied:      {"La connexion a été refusée, ou ce compte n’a pas accès au serveur.", "Si c’est une erreur, recommencez et acceptez. Sinon, prenez un autre compte ou demandez l’accès à l’administrateur du serveur."},
		reasonExpired:     {"La connexion a pris trop de temps.", "Recommencez depuis votre programme."},
		reasonScope:       {"Le fournisseur n’accorde pas une autorisation demandée.", "Demandez cette autorisation à l’administrateur du serveur, ou choisissez-en d’autres avec `--scope`."},
		reasonTarget:      {"Le fournisseur ne connaît pas ce serveur.", "L’adresse du serveur doit y être enregistrée comme ressource d’API, au caractère près. Le programme qui a demandé la connexion l’indique."},
		reasonClient:      {"Le fournisseur ne connaît pas ce client.", "Vérifiez l’identifiant client donné à mcp-login, puis recommencez."},
		reasonNotAllowed:  {"Le fournisseur n’autorise pas ce client à connecter des personnes.", "L’administrateur du fournisseur doit l’enregistrer comme application native."},
		reasonSpent:       {"Le fournisseur n’a pas accepté la connexion : elle a déjà servi ou a pris trop de temps.", "Recommencez depuis votre programme."},
		reasonRequest:     {"Le fournisseur juge la demande incorrecte.", "Le programme qui a demandé la connexion en dit plus. Le code d’erreur aidera l’administrateur du fournisseur."},
		reasonInteraction: {"Le fournisseur avait une question à vous poser et n’a pas pu le faire.", "Connectez-vous au fournisseur dans ce navigateur, puis recommencez depuis votre programme."},
		reasonBroken:      {"Le fournisseur rencontre un problème.", "Attendez quelques minutes, puis recommencez depuis votre programme."},
		reasonBusy:        {"Le fournisseur est surchargé ou en maintenance.", "Attendez quelques minutes, puis recommencez depuis votre programme."},
		reasonForeign:     {"La réponse vient d’un autre fournisseur que celui qui a été interrogé.", "Rien ne lui a été envoyé. Recommencez depuis votre programme. Si cela se reproduit, quelqu’un interfère peut-être : prévenez l’administrateur du serveur."},
		reasonTwice:       {"Cette connexion a été ouverte une deuxième fois, dans un autre navigateur ou par quelqu’un d’autre sur cet ordinateur. Par précaution, elle est terminée.", "Recommencez depuis votre programme et n’ouvrez l’adresse que dans un seul navigateur. Si vous ne l’avez ouverte qu’une fois, un autre utilisateur de cet ordinateur l’a lue."},
		reasonUnmarked:    {"Ce n’est pas le navigateur qui a commencé la connexion, ou il ne conserve pas de cookies.", "Recommencez depuis votre programme et laissez ce navigateur conserver les cookies de cet ordinateur. Ou lancez `mcp-login login` avec `--no-browser` dans un terminal et ouvrez l’adresse vous-même."},
		reasonReturned:    {"Le fournisseur vous a renvoyé sans réponse. Certains le font quand on annule.", "Si c’est une erreur, recommencez depuis votre programme et acceptez ce que demande le fournisseur."},
	},
	notAwaited: "Personne n’attend cette connexion",
	awaited:    advice{"Elle est terminée, a été recommencée, ou cette adresse est incomplète.", "Si vous étiez en train de vous connecter, revenez à votre programme et recommencez. Sinon, fermez cet onglet."},
	nothing:    "Rien à voir ici",
	elsewhere:  advice{"Cette adresse n’attend qu’une seule connexion.", "Vous pouvez fermer cet onglet."},
}

var spanish = words{
	tag: "es", account: "Cuenta", server: "Servidor", issuer: "Proveedor", foundAt: "Aceptado, hallado en", program: "Programa", code: "Código de error",
	signedIn: "Sesión iniciada",
	back:     "Puede cerrar esta pestaña y volver a su programa.",
	backTo:   "Puede cerrar esta pestaña y volver a {program}.",
	failed:   "No se pudo iniciar sesión",
	reasons: [...]advice{
		reasonUnknown:     {"El inicio de sesión no ha funcionado.", "El programa que lo pidió muestra el motivo. También lo muestra `mcp-login login` con la dirección del servidor, en un terminal."},
		reasonDenied:      {"El inicio de sesión se rechazó, o esta cuenta no puede usar el servidor.", "Si fue un error, empiece de nuevo y acepte. Si no, use otra cuenta o pida acceso al administrador del servidor."},
		reasonExpired:     {"El inicio de sesión ha tardado demasiado.", "Empiece de nuevo desde su programa."},
		reasonScope:       {"El proveedor no concede un permiso que se pidió.", "Pida ese permiso al administrador del servidor, o elija otros con `--scope`."},
		reasonTarget:      {"El proveedor no conoce este servidor.", "La dirección del servidor debe estar registrada allí como recurso de API, carácter por carácter. El programa que pidió el inicio de sesión muestra cuál es."},
		reasonClient:      {"El proveedor no conoce este cliente.", "Compruebe el identificador de cliente que recibió mcp-login y empiece de nuevo."},
		reasonNotAllowed:  {"El proveedor no permite que este cliente inicie sesiones de personas.", "El administrador del proveedor debe registrarlo como aplicación nativa."},
		reasonSpent:       {"El proveedor no aceptó el inicio de sesión: ya se había usado o tardó demasiado.", "Empiece de nuevo desde su programa."},
		reasonRequest:     {"El proveedor considera incorrecta la solicitud.", "El programa que pidió el inicio de sesión muestra más. El código de error servirá al administrador del proveedor."},
		reasonInteraction: {"El proveedor tenía que preguntarle algo y no pudo.", "Inicie sesión con el proveedor en este navegador y empiece de nuevo desde su programa."},
		reasonBroken:      {"El proveedor tiene un problema.", "Espere unos minutos y empiece de nuevo desde su programa."},
		reasonBusy:        {"El proveedor está sobrecargado o en mantenimiento.", "Espere unos minutos y empiece de nuevo desde su programa."},
		reasonForeign:     {"La respuesta vino de un proveedor distinto del consultado.", "No se le envió nada. Empiece de nuevo desde su programa. Si vuelve a ocurrir, puede que alguien esté interfiriendo: avise al administrador del servidor."},
		reasonTwice:       {"Este inicio de sesión se ha abierto por segunda vez, en otro navegador o por otra persona en este equipo. Por seguridad, ha terminado.", "Empiece de nuevo desde su programa y abra la dirección en un solo navegador. Si solo la ha abierto una vez, otro usuario de este equipo la ha leído."},
		reasonUnmarked:    {"Este no es el navegador que empezó el inicio de sesión, o no guarda cookies.", "Empiece de nuevo desde su programa y permita que este navegador guarde las cookies de este equipo. O ejecute `mcp-login login` con `--no-browser` en un terminal y abra la dirección usted mismo."},
		reasonReturned:    {"El proveedor le ha devuelto sin respuesta. Algunos lo hacen cuando alguien cancela.", "Si ha sido un error, empiece de nuevo desde su programa y acepte lo que pide el proveedor."},
	},
	notAwaited: "Nadie espera este inicio de sesión",
	awaited:    advice{"Ha terminado, se empezó de nuevo, o esta dirección está incompleta.", "Si estaba iniciando sesión, vuelva a su programa y empiece de nuevo. Si no, cierre esta pestaña."},
	nothing:    "Aquí no hay nada que ver",
	elsewhere:  advice{"Esta dirección espera un único inicio de sesión.", "Puede cerrar esta pestaña."},
}

var japanese = words{
	tag: "ja", account: "アカウント", server: "サーバー", issuer: "プロバイダー", foundAt: "承認済み、取得元", program: "プログラム", code: "エラーコード",
	signedIn: "サインインしました",
	back:     "このタブを閉じて、元のプログラムに戻ってください。",
	backTo:   "このタブを閉じて、{program} に戻ってください。",
	failed:   "サインインできませんでした",
	reasons: [...]advice{
		reasonUnknown:     {"サインインは完了しませんでした。", "サインインを求めたプログラムに理由が表示されています。ターミナルで `mcp-login login` にサーバーのアドレスを付けて実行しても確認できます。"},
		reasonDenied:      {"サインインが拒否されたか、このアカウントではサーバーを利用できません。", "間違えた場合は、もう一度やり直して同意してください。そうでない場合は、別のアカウントを使うか、サーバーの管理者に利用を申請してください。"},
		reasonExpired:     {"サインインに時間がかかりすぎました。", "プログラムからもう一度やり直してください。"},
		reasonScope:       {"要求した権限の一部をプロバイダーが許可していません。", "サーバーの管理者に権限を申請するか、`--scope` で別の権限を選んでください。"},
		reasonTarget:      {"プロバイダーはこのサーバーを知りません。", "サーバーのアドレスを API リソースとして、一字一句そのままプロバイダーに登録する必要があります。アドレスはサインインを求めたプログラムに表示されています。"},
		reasonClient:      {"プロバイダーはこのクライアントを知りません。", "mcp-login に渡したクライアント ID を確認してから、やり直してください。"},
		reasonNotAllowed:  {"プロバイダーは、このクライアントによるサインインを許可していません。", "プロバイダーの管理者が、ネイティブアプリケーションとして登録する必要があります。"},
		reasonSpent:       {"プロバイダーがサインインを受け付けませんでした。すでに使用されたか、時間がかかりすぎています。", "プログラムからもう一度やり直してください。"},
		reasonRequest:     {"プロバイダーは要求が正しくないと判断しました。", "詳しくは、サインインを求めたプログラムに表示されています。エラーコードはプロバイダーの管理者の手がかりになります。"},
		reasonInteraction: {"プロバイダーが必要な確認を行えませんでした。", "このブラウザーでプロバイダーにサインインしてから、プログラムからもう一度やり直してください。"},
		reasonBroken:      {"プロバイダーに問題が発生しています。", "数分待ってから、プログラムからもう一度やり直してください。"},
		reasonBusy:        {"プロバイダーが混雑しているか、メンテナンス中です。", "数分待ってから、プログラムからもう一度やり直してください。"},
		reasonForeign:     {"問い合わせ先とは別のプロバイダーから応答がありました。", "そのプロバイダーには何も送信していません。プログラムからもう一度やり直してください。繰り返す場合は第三者が介入している可能性があるため、サーバーの管理者に知らせてください。"},
		reasonTwice:       {"このサインインは、別のブラウザーで、またはこのコンピューターの別のユーザーによって、もう一度開かれました。安全のため終了しました。", "プログラムからもう一度やり直し、アドレスは一つのブラウザーだけで開いてください。一度しか開いていない場合は、このコンピューターの別のユーザーがアドレスを読み取っています。"},
		reasonUnmarked:    {"サインインを始めたブラウザーではないか、このブラウザーが Cookie を保存していません。", "プログラムからもう一度やり直し、このコンピューターの Cookie の保存をブラウザーに許可してください。または、ターミナルで `mcp-login login` に `--no-browser` を付けて実行し、アドレスを手で開いてください。"},
		reasonReturned:    {"プロバイダーから応答なしで戻されました。キャンセルしたときにこうなるプロバイダーがあります。", "間違いだった場合は、プログラムからもう一度やり直し、プロバイダーの確認に同意してください。"},
	},
	notAwaited: "このサインインは待機されていません",
	awaited:    advice{"すでに終了したか、やり直されたか、アドレスが不完全です。", "サインインの途中だった場合は、プログラムに戻ってやり直してください。そうでない場合は、このタブを閉じてください。"},
	nothing:    "表示するものはありません",
	elsewhere:  advice{"このアドレスは、一度のサインインだけを待っています。", "このタブを閉じてください。"},
}

var chinese = words{
	tag: "zh-Hans", account: "账号", server: "服务器", issuer: "提供方", foundAt: "已接受，来源", program: "程序", code: "错误代码",
	signedIn: "已登录",
	back:     "您可以关闭此标签页，返回您的程序。",
	backTo:   "您可以关闭此标签页，返回 {program}。",
	failed:   "登录失败",
	reasons: [...]advice{
		reasonUnknown:     {"登录没有成功。", "发起登录的程序会显示原因。您也可以在终端中运行 `mcp-login login` 加服务器地址来查看。"},
		reasonDenied:      {"登录被拒绝，或者此账号无权使用该服务器。", "如果是误操作，请重新开始并选择同意。否则请换一个账号，或向服务器管理员申请访问权限。"},
		reasonExpired:     {"登录用时过长。", "请从您的程序重新开始。"},
		reasonScope:       {"提供方没有授予所请求的某项权限。", "请向服务器管理员申请该权限，或用 `--scope` 选择其他权限。"},
		reasonTarget:      {"提供方不认识该服务器。", "服务器地址必须在提供方登记为 API 资源，且逐字符一致。发起登录的程序会显示该地址。"},
		reasonClient:      {"提供方不认识该客户端。", "请检查提供给 mcp-login 的客户端 ID，然后重新开始。"},
		reasonNotAllowed:  {"提供方不允许该客户端为用户登录。", "提供方的管理员必须将它登记为原生应用。"},
		reasonSpent:       {"提供方没有接受此次登录：它已被使用过，或用时过长。", "请从您的程序重新开始。"},
		reasonRequest:     {"提供方认为请求有误。", "发起登录的程序会显示更多信息。错误代码可供提供方的管理员参考。"},
		reasonInteraction: {"提供方需要向您确认信息，但未能做到。", "请先在此浏览器中登录提供方，然后从您的程序重新开始。"},
		reasonBroken:      {"提供方出现问题。", "请等待几分钟，然后从您的程序重新开始。"},
		reasonBusy:        {"提供方负载过高或正在维护。", "请等待几分钟，然后从您的程序重新开始。"},
		reasonForeign:     {"应答来自另一个提供方，而不是所询问的那一个。", "没有向它发送任何内容。请从您的程序重新开始。如果再次发生，可能有人在干扰：请告知服务器管理员。"},
		reasonTwice:       {"此次登录被第二次打开：在另一个浏览器中，或由这台电脑上的其他人打开。为安全起见，登录已经结束。", "请从您的程序重新开始，并且只在一个浏览器中打开该地址。如果您只打开过一次，说明这台电脑的另一位用户读取了该地址。"},
		reasonUnmarked:    {"这不是开始登录的浏览器，或者它不保存 Cookie。", "请从您的程序重新开始，并允许此浏览器保存这台电脑的 Cookie。也可以在终端中运行 `mcp-login login` 并加上 `--no-browser`，然后手动打开地址。"},
		reasonReturned:    {"提供方没有给出答复就将您送回。有些提供方在用户取消时会这样做。", "如果是误操作，请从您的程序重新开始，并同意提供方的请求。"},
	},
	notAwaited: "没有程序在等待此次登录",
	awaited:    advice{"它已经结束、已重新开始，或者此地址不完整。", "如果您正在登录，请返回您的程序并重新开始。否则请关闭此标签页。"},
	nothing:    "这里没有内容",
	elsewhere:  advice{"此地址只等待一次登录。", "您可以关闭此标签页。"},
}
