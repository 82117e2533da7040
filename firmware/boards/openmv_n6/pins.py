"""OpenMV N6 terminal: pins and buses. Made from hardware/openmv_n6.toml by tools/hardware, not by hand."""

READER_UART = 7
DISPLAY_SPI = 2
EXPANDER_I2C = 2
READER_TX = "P14"
READER_RX = "P13"
DISPLAY_SCK = "P2"
DISPLAY_MOSI = "P0"
DISPLAY_CS = "P3"
DISPLAY_DC = "P8"
DISPLAY_BACKLIGHT = "P6"
LIGHT = "P7"
BUZZER = "P9"
I2C_SDA = "P5"
I2C_SCL = "P4"
TAMPER = "P11"
BUTTON_START = 0  # line of the expander
BUTTON_CANCEL = 1  # line of the expander
BUTTON_LANGUAGE = 2  # line of the expander
READER_POWER = 4  # line of the expander
DISPLAY_RST = 5  # line of the expander
