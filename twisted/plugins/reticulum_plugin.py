"""`twistd reticulum`. Nothing of the project is imported until the command is used."""

from twisted.application.service import ServiceMaker

reticulum = ServiceMaker("Reticulum", "reticulum.tap", "A peer-to-peer image server.", "reticulum")
