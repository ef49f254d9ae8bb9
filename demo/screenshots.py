"""The pictures of the README, taken from the demonstration that runs: `python3 start.py`, then in another terminal

    .venv/bin/python demo/screenshots.py [--url http://127.0.0.1:8000] [--into docs/screenshots]

Needs Debian's chromium. It changes nothing: two people sign in and look. Wait with it until the first incidents are open.
"""

import argparse
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from demo.logins import PASSWORD  # noqa: E402 (the path comes first)

CHROMIUM = "/usr/bin/chromium"
OFFLINE = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", *OFFLINE]
MOST_BYTES = 200_000
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
PAGES = {
    "clinica": ("ana@aurora.example", "/configuracoes/whatsapp-pessoal"),
    "operadora": ("operador@vigia.example", "/saas/whatsapp"),
}
SCREENS = {
    "claro": {"viewport": DESK, "color_scheme": "light"},
    "escuro": {"viewport": DESK, "color_scheme": "dark"},
    "celular": {"viewport": PHONE, "color_scheme": "light", "has_touch": True},
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Take the README's pictures from a running demonstration.")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--into", type=Path, default=ROOT / "docs" / "screenshots")
    arguments = parser.parse_args()
    if not Path(CHROMIUM).exists():
        sys.exit(f"{CHROMIUM} is missing: install Debian's chromium.")
    arguments.into.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for page_name, (email, path) in PAGES.items():
            for screen_name, screen in SCREENS.items():
                file = arguments.into / f"{page_name}-{screen_name}.png"
                _take(browser, arguments.url, email, path, screen, file)
                size = file.stat().st_size
                sys.stdout.write(f"{file}: {size // 1000} kB\n")
                if size > MOST_BYTES:
                    sys.exit(f"{file} is larger than {MOST_BYTES // 1000} kB.")
        browser.close()


def _take(browser: Browser, url: str, email: str, path: str, screen: dict, file: Path) -> None:
    context = browser.new_context(
        base_url=url, locale="pt-BR", timezone_id="America/Sao_Paulo", reduced_motion="reduce", **screen
    )
    page = context.new_page()
    _sign_in(page, email, path)
    page.wait_for_function("document.fonts.ready.then(() => true)")
    page.screenshot(path=file, animations="disabled")
    context.close()


def _sign_in(page: Page, email: str, path: str) -> None:
    page.goto(path)
    page.locator("#id_login").fill(email)
    page.locator("#id_password").fill(PASSWORD)
    page.locator('form button[type="submit"].btn-primary').click()
    page.locator(".topbar").wait_for()
    page.goto(path)


if __name__ == "__main__":
    main()
