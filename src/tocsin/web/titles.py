"""What each fault is called in uk, de and fr, and which language a reader of the interface is answered in.

- A title says what is wrong and, where it helps, what to do; the English one is the error's own docstring.
- A code nobody has translated yet keeps its English sentence; a test names it.
"""

from __future__ import annotations

from starlette.requests import HTTPConnection

from tocsin.place.language import negotiate

LANGUAGES = ("en", "uk", "de", "fr")

TITLES: dict[str, dict[str, str]] = {
    "tocsin": {"uk": "Сталася помилка.", "de": "Etwas ist schiefgegangen.", "fr": "Une erreur s'est produite."},
    "input": {
        "uk": "Надіслане не можна прийняти в такому вигляді.",
        "de": "Das Gesendete kann so nicht angenommen werden.",
        "fr": "Ce qui a été envoyé ne peut pas être accepté tel quel.",
    },
    "input.xml-hostile": {
        "uk": "Цей XML відхилено: його читання могло б коштувати забагато або показати те, чого в ньому немає.",
        "de": "Dieses XML wird abgelehnt: Es zu lesen könnte zu viel kosten oder zeigen, was nicht darin steht.",
        "fr": "Ce XML est refusé : le lire pourrait coûter trop cher ou montrer ce qui ne s'y trouve pas.",
    },
    "input.unreadable": {
        "uk": "Це повідомлення неможливо прочитати.",
        "de": "Das ist keine lesbare Meldung.",
        "fr": "Ce message est illisible.",
    },
    "input.alert-unfit": {
        "uk": "Це попередження не придатне до публікації.",
        "de": "Diese Warnung kann so nicht veröffentlicht werden.",
        "fr": "Cette alerte n'est pas apte à être publiée.",
    },
    "input.too-large": {
        "uk": "Це більше, ніж тут приймають.",
        "de": "Das ist größer, als hier angenommen wird.",
        "fr": "Ceci dépasse la taille acceptée ici.",
    },
    "input.time-naive": {
        "uk": "У цього часу немає зсуву від UTC, тому невідомо, який момент мається на увазі.",
        "de": "Diese Zeit hat keinen Abstand zu UTC; welcher Zeitpunkt gemeint ist, ist unklar.",
        "fr": "Cette heure n'indique pas de décalage par rapport à UTC : on ne sait pas quel instant elle désigne.",
    },
    "input.place-unknown": {
        "uk": "Тут не відома місцевість із таким кодом або назвою.",
        "de": "Ein Gebiet mit diesem Code oder Namen ist hier nicht bekannt.",
        "fr": "Aucune zone portant ce code ou ce nom n'est connue ici.",
    },
    "input.geometry": {
        "uk": "Ця геометрія не охоплює жодної площі на Землі.",
        "de": "Diese Geometrie umschließt keine Fläche auf der Erde.",
        "fr": "Cette géométrie n'entoure aucune surface sur la Terre.",
    },
    "input.parameter": {
        "uk": "Цю частину запиту не зрозуміло.",
        "de": "Dieser Teil der Anfrage ist nicht verständlich.",
        "fr": "Cette partie de la requête n'est pas comprise.",
    },
    "input.media-type": {
        "uk": "Такий вид вмісту тут не приймають.",
        "de": "Diese Art von Inhalt wird hier nicht angenommen.",
        "fr": "Ce type de contenu n'est pas accepté ici.",
    },
    "input.headers-too-large": {
        "uk": "Адреса або заголовки цього запиту задовгі.",
        "de": "Die Adresse oder die Kopfzeilen dieser Anfrage sind zu lang.",
        "fr": "L'adresse ou les en-têtes de cette requête sont trop longs.",
    },
    "input.too-slow": {
        "uk": "Запит не надійшов вчасно; надішліть його ще раз.",
        "de": "Die Anfrage kam nicht rechtzeitig an; senden Sie sie noch einmal.",
        "fr": "La requête n'est pas arrivée à temps ; renvoyez-la.",
    },
    "input.realm": {
        "uk": "Справжні тривоги й навчання тримають окремо, а це повідомлення належить до іншого боку.",
        "de": "Echte Warnungen und Übungen sind getrennt, und diese Meldung gehört auf die andere Seite.",
        "fr": "Les alertes réelles et les exercices sont séparés, et ce message appartient à l'autre côté.",
    },
    "input.identifier-taken": {
        "uk": "Інше повідомлення з цим ідентифікатором і відправником уже прийнято.",
        "de": "Eine andere Meldung mit dieser Kennung und diesem Absender wurde bereits angenommen.",
        "fr": "Un autre message avec cet identifiant et cet émetteur a déjà été accepté.",
    },
    "input.idempotency-key": {
        "uk": "Цей Idempotency-Key вже використано для іншого запиту.",
        "de": "Dieser Idempotency-Key wurde bereits für eine andere Anfrage benutzt.",
        "fr": "Cette Idempotency-Key a déjà servi pour une autre requête.",
    },
    "input.file": {
        "uk": "Цей файл не вдалося зрозуміти.",
        "de": "Diese Datei ist nicht verständlich.",
        "fr": "Ce fichier n'a pas pu être compris.",
    },
    "input.answer-time": {
        "uk": "Час цієї відповіді не відповідає цій перекличці; надішліть її ще раз без часу.",
        "de": "Die Zeit dieser Antwort passt nicht zu dieser Abfrage; senden Sie sie noch einmal ohne Zeit.",
        "fr": "L'heure de cette réponse ne correspond pas à cet appel ; renvoyez-la sans heure.",
    },
    "person": {
        "uk": "Зараз це для вас неможливо.",
        "de": "Das ist für Sie gerade nicht möglich.",
        "fr": "Ceci ne vous est pas possible pour le moment.",
    },
    "person.not-allowed": {
        "uk": "Вам це не дозволено.",
        "de": "Das dürfen Sie nicht.",
        "fr": "Vous n'y êtes pas autorisé.",
    },
    "person.not-signed-in": {
        "uk": "Спершу увійдіть.",
        "de": "Melden Sie sich zuerst an.",
        "fr": "Identifiez-vous d'abord.",
    },
    "person.illegal-step": {
        "uk": "Цей крок зараз неможливий.",
        "de": "Dieser Schritt ist vom jetzigen Stand aus nicht möglich.",
        "fr": "Cette étape n'est pas possible dans l'état actuel.",
    },
    "person.rate-limited": {
        "uk": "Забагато запитів звідси; зачекайте і спробуйте ще раз.",
        "de": "Zu viele Anfragen von hier; warten Sie und versuchen Sie es erneut.",
        "fr": "Trop de requêtes depuis ici ; attendez, puis réessayez.",
    },
    "person.foreign-sender": {
        "uk": "Цей токен не може говорити від імені цього відправника.",
        "de": "Dieses Token darf nicht für diesen Absender sprechen.",
        "fr": "Ce jeton ne peut pas parler au nom de cet émetteur.",
    },
    "input.upgrade": {
        "uk": "Ця адреса — для WebSocket; з’єднуйтеся через ws: або wss:.",
        "de": "Diese Adresse ist für WebSocket; verbinden Sie sich mit ws: oder wss:.",
        "fr": "Cette adresse est pour WebSocket ; connectez-vous avec ws: ou wss:.",
    },
    "input.method": {
        "uk": "За цією адресою таке не роблять.",
        "de": "Das geht unter dieser Adresse nicht.",
        "fr": "Cette adresse ne fait pas cela.",
    },
    "person.not-found": {
        "uk": "За цією адресою нічого немає.",
        "de": "Unter dieser Adresse gibt es nichts.",
        "fr": "Il n'y a rien à cette adresse.",
    },
    "person.sign-in-refused": {
        "uk": "Увійти не вдалося. Спробуйте ще раз або скористайтеся іншим способом.",
        "de": "Die Anmeldung ist nicht gelungen. Versuchen Sie es noch einmal oder auf einem anderen Weg.",
        "fr": "La connexion n'a pas abouti. Réessayez ou utilisez un autre moyen.",
    },
    "person.not-fresh": {
        "uk": "Спочатку підтвердьте свою присутність саме для цього кроку.",
        "de": "Weisen Sie zuerst für genau diesen Schritt nach, dass Sie da sind.",
        "fr": "Prouvez d'abord votre présence pour cette étape précise.",
    },
    "person.invitation-spent": {
        "uk": "Це посилання вже використано або його строк минув; попросіть адміністратора про нове.",
        "de": "Dieser Link wurde schon benutzt oder ist abgelaufen; bitten Sie die Verwaltung um einen neuen.",
        "fr": "Ce lien a déjà servi ou a expiré ; demandez-en un nouveau à un administrateur.",
    },
    "person.forged-form": {
        "uk": "Це надійшло не зі щойно відкритої тут сторінки; завантажте її знову й надішліть ще раз.",
        "de": "Das kam nicht von einer hier eben geöffneten Seite; laden Sie sie neu und senden Sie es noch einmal.",
        "fr": "Ceci ne vient pas d'une page ouverte ici à l'instant ; rechargez-la et renvoyez-le.",
    },
    "other-side": {
        "uk": "Інша сторона не зробила свого.",
        "de": "Die Gegenseite hat ihren Teil nicht getan.",
        "fr": "L'autre partie n'a pas fait sa part.",
    },
    "other-side.source": {
        "uk": "Джерело не чути.",
        "de": "Eine Quelle ist nicht zu hören.",
        "fr": "Une source ne se fait plus entendre.",
    },
    "other-side.channel": {
        "uk": "Канал не приймає надісланого.",
        "de": "Ein Kanal nimmt nicht an, was gesendet wird.",
        "fr": "Un canal n'accepte pas ce qui est envoyé.",
    },
    "operator": {
        "uk": "Цій системі потрібен її оператор.",
        "de": "Diese Anlage braucht ihren Betreiber.",
        "fr": "Cette installation a besoin de son exploitant.",
    },
    "operator.settings": {
        "uk": "Неправильне налаштування.",
        "de": "Eine Einstellung ist falsch.",
        "fr": "Un réglage est incorrect.",
    },
    "operator.store": {
        "uk": "Сховище недоступне.",
        "de": "Der Speicher ist nicht benutzbar.",
        "fr": "Le stockage est inutilisable.",
    },
    "operator.journal-broken": {
        "uk": "Ланцюг журналу порушено.",
        "de": "Die Kette des Journals ist gebrochen.",
        "fr": "La chaîne du journal est rompue.",
    },
    "operator.policy": {
        "uk": "Правила ретрансляції непридатні.",
        "de": "Die Regeln für die Weitergabe sind nicht benutzbar.",
        "fr": "Les règles de relais sont inutilisables.",
    },
    "operator.key": {
        "uk": "Потрібного ключа немає або його строк минув.",
        "de": "Ein nötiger Schlüssel fehlt oder ist abgelaufen.",
        "fr": "Une clé nécessaire manque ou a expiré.",
    },
    "operator.key-ends": {
        "uk": "Строк потрібного ключа скоро мине.",
        "de": "Ein nötiger Schlüssel läuft bald ab.",
        "fr": "Une clé nécessaire expire bientôt.",
    },
    "operator.model": {
        "uk": "Цю модель не можна використати; усе інше працює без неї.",
        "de": "Dieses Modell kann nicht benutzt werden; alles andere arbeitet ohne es.",
        "fr": "Ce modèle ne peut pas être utilisé ; tout le reste fonctionne sans lui.",
    },
    "operator.model-changed": {
        "uk": "Файли цієї моделі не ті, що названі в її списку сум SHA-256; її не завантажено.",
        "de": "Die Dateien dieses Modells sind nicht die, die seine Liste der SHA-256-Summen nennt; es wird nicht geladen.",
        "fr": "Les fichiers de ce modèle ne sont pas ceux que nomme sa liste de sommes SHA-256 ; il n’est pas chargé.",
    },
    "other-side.model": {
        "uk": "Сервер моделі не дає придатної відповіді; більше ніщо на нього не чекає.",
        "de": "Die Gegenstelle des Modells gibt keine brauchbare Antwort; nichts anderes wartet darauf.",
        "fr": "Le serveur du modèle ne donne pas de réponse utilisable ; rien d’autre ne l’attend.",
    },
    "operator.peer": {
        "uk": "Програму, з якою нас порівнюють, тут не можна запустити.",
        "de": "Ein Programm, mit dem wir verglichen werden, lässt sich hier nicht starten.",
        "fr": "Un programme auquel nous sommes comparés ne peut pas être lancé ici.",
    },
    "operator.not-ready": {
        "uk": "Ця система зараз не може попереджати.",
        "de": "Diese Anlage kann gerade nicht warnen.",
        "fr": "Cette installation ne peut pas alerter pour le moment.",
    },
}
"""The sentence of each code in every language but English."""


def language_of(connection: HTTPConnection, offered: tuple[str, ...] = LANGUAGES) -> str:
    """The language for this reader: ``?lang=`` where it is offered, else what Accept-Language asks for."""
    asked = connection.query_params.get("lang", "")
    if asked in offered:
        return asked
    return negotiate(connection.headers.get("accept-language", ""), offered)
